import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { logIn, newProduct, password, type ShopClient, shopClient } from "../../e2e/shop-client.ts";
import type { System } from "../../e2e/system.ts";
import type { CheckoutPlan } from "./checkout-plan.ts";
import { type Checkout, compareWithShop } from "./client-record.ts";
import { type Customer, type Encounters, patientCounted, type Shelves, shop } from "./shopper.ts";

/** A shop with stock and customers, of which everything that happens there is recorded. */
export interface Venue {
  readonly gateway: string;
  readonly admin: ShopClient;
  readonly shelves: Shelves;
  /** How many pieces there were at first, by product. */
  readonly stock: ReadonlyMap<string, number>;
  readonly customers: readonly Customer[];
  /** Every checkout of every crowd. */
  readonly checkouts: Checkout[];
}

/** Customers who check out, some at a time. */
export interface Crowd {
  /** Their checkouts so far. */
  readonly checkouts: readonly Checkout[];
  readonly encounters: Encounters;
  /** Promises that the shop did not keep, in words. */
  readonly problems: readonly string[];
  /** How many orders are acknowledged. */
  acknowledged(): number;
  /** Lets nobody in any more. */
  close(): void;
  /** Resolves when all checkouts have ended: those of the plan, or those begun before it was closed. */
  readonly done: Promise<void>;
}

const customersCount = 12;
const fullShelfCount = 12;
const scarceShelfCount = 4;
const plenty = 100_000;
const priceMinor = 1_299;
const unauthenticated = 401;

/** Signs customers up and stocks the shelves. `scarcePieces` is how many there are of each scarce product. */
export async function openVenue(system: System, scarcePieces: number): Promise<Venue> {
  const { gateway } = system;
  const admin = staysLoggedIn(await logIn(gateway, system.admin), system.admin);
  const stock = new Map<string, number>();
  const create = async (initialQuantity: number) => {
    const price = { currency: "EUR", minorUnits: String(priceMinor) };
    const product = await newProduct(admin, { price, initialQuantity });
    stock.set(product, initialQuantity);
    return product;
  };
  const many = (length: number, pieces: number) => Promise.all(Array.from({ length }, () => create(pieces)));
  const shelves: Shelves = {
    priceMinor,
    full: await many(fullShelfCount, plenty),
    scarce: await many(scarceShelfCount, scarcePieces),
    empty: await many(1, 0),
  };
  const customers = await Promise.all(
    Array.from({ length: customersCount }, () => signUp(gateway, (client) => patientCounted(client, noEncounters()))),
  );
  return { gateway, admin, shelves, stock, customers, checkouts: [] };
}

/** The orders that somebody was told of. */
export function acknowledgedOrders({ checkouts }: Venue): string[] {
  return checkouts.flatMap(({ order = [] }) => order);
}

/**
 * How customers arrive: so many at a time, each when another has ended, or one every so many milliseconds, whatever becomes
 * of the others.
 */
export type Arrival = { readonly atATime: number } | { readonly everyMs: number };

/** Lets a crowd in that follows the plans. */
export function startCrowd(venue: Venue, plans: Iterable<CheckoutPlan>, arrival: Arrival): Crowd {
  const { admin, shelves, customers } = venue;
  const checkouts: Checkout[] = [];
  const problems: string[] = [];
  const encounters = noEncounters();
  const upcoming = plans[Symbol.iterator]();
  let isClosed = false;
  let acknowledged = 0;

  const follow = async (plan: CheckoutPlan) => {
    const customer =
      plan.deletesOwner === true
        ? await signUp(venue.gateway, (client) => patientCounted(client, encounters))
        : (customers[Math.floor(plan.choice * customers.length)] as Customer);
    const onStart = (checkout: Checkout) => {
      checkouts.push(checkout);
      venue.checkouts.push(checkout);
    };
    const onAcknowledged = () => {
      acknowledged += 1;
    };
    await shop({ plan, customer, admin, shelves, encounters, onStart, onAcknowledged });
  };
  /** Begins the next checkout; undefined when there is none. */
  const begin = (): Promise<unknown> | undefined => {
    const { value: plan, done } = upcoming.next();
    if (isClosed || done === true) return undefined;
    return follow(plan).catch((error: Error) => problems.push(error.message));
  };
  const inTurn = async () => {
    for (let one = begin(); one !== undefined; one = begin()) await one;
  };
  const atIntervals = async (everyMs: number) => {
    const all: Promise<unknown>[] = [];
    for (let one = begin(); one !== undefined; one = begin()) {
      all.push(one);
      await delay(everyMs);
    }
    await Promise.all(all);
  };
  const working =
    "everyMs" in arrival ? [atIntervals(arrival.everyMs)] : Array.from({ length: arrival.atATime }, inTurn);
  const done = Promise.all(working).then(() => {});
  return {
    checkouts,
    encounters,
    problems,
    acknowledged: () => acknowledged,
    close() {
      isClosed = true;
    },
    done,
  };
}

/** Compares what everybody who was there knows with what the shop shows; see compareWithShop. */
export function compareVenue({ admin, checkouts, stock }: Venue): Promise<string[]> {
  return compareWithShop(patientCounted(admin, noEncounters()), checkouts, stock);
}

function noEncounters(): Encounters {
  return { retries: new Map(), duplicates: 0, cancelledIn: new Map(), slowestCallMs: 0 };
}

/** Signs a customer up, with a request id, and in. `patiently` says how to call. */
async function signUp(gateway: string, patiently: (client: ShopClient) => ShopClient): Promise<Customer> {
  const client = patiently(shopClient(gateway));
  const account = { email: `${randomUUID()}@example.org`, password };
  const key = { "idempotency-key": randomUUID() };
  const created = await client.call("POST", "/v1/users", { ...account, displayName: "Ada" }, key);
  const login = await client.call("POST", "/v1/sessions", account);
  if (created.status !== 200 || login.status !== 200) {
    throw new Error(`cannot sign up: ${JSON.stringify([created, login])}`);
  }
  return { client: staysLoggedIn(shopClient(gateway, login.body.accessToken), account), user: created.body.name };
}

/** The same caller, who logs in again when the access token has expired. */
function staysLoggedIn(client: ShopClient, account: { email: string; password: string }): ShopClient {
  let current = client;
  return {
    ...client,
    async call(...request) {
      const used = current;
      const answer = await used.call(...request);
      if (answer.status !== unauthenticated) return answer;
      if (current === used) {
        const login = await shopClient(client.gateway).call("POST", "/v1/sessions", account);
        if (login.status !== 200) return login;
        current = shopClient(client.gateway, login.body.accessToken);
      }
      return current.call(...request);
    },
  };
}
