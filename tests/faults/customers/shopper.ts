import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isSettled, type Line, type OrderJson, patient, type ShopClient } from "../../e2e/shop-client.ts";
import type { CheckoutPlan, Shelf } from "./checkout-plan.ts";
import { type Checkout, endOf, refund } from "./client-record.ts";

/** A customer who is logged in. */
export interface Customer {
  readonly client: ShopClient;
  /** Resource name. */
  readonly user: string;
}

/** The products of a campaign, by the shelf they stand on. All cost the same. */
export interface Shelves extends Readonly<Record<Shelf, readonly string[]>> {
  readonly priceMinor: number;
}

/** What shoppers met on their way. */
export interface Encounters {
  /** Answers that made them send a request again: a status, or the error of a connection. */
  readonly retries: Map<string, number>;
  /** Repeated requests that were answered with the same resource. */
  duplicates: number;
  /** In which state orders were when they were cancelled, as their customers last saw it. */
  readonly cancelledIn: Map<string, number>;
  /** Longest time that one call took, its repetitions apart, ms. */
  slowestCallMs: number;
}

const lookIntervalMs = 250;
const lookJitterMs = 100;
const cancelMomentTimeoutMs = 60_000;
const settleTimeoutMs = 180_000;

/**
 * Carries out one plan with a customer who is patient as a good client is: it repeats what was not answered, with the same
 * request id, until it is. What is acknowledged goes into the checkout's record. Rejects when the shop does not keep a
 * promise.
 */
export async function shop(options: {
  plan: CheckoutPlan;
  customer: Customer;
  admin: ShopClient;
  shelves: Shelves;
  encounters: Encounters;
  onStart: (checkout: Checkout) => void;
  onAcknowledged: () => void;
}): Promise<void> {
  const { plan, customer, shelves, encounters } = options;
  const client = patientCounted(customer.client, encounters);
  const admin = patientCounted(options.admin, encounters);
  const lines = linesOf(plan, shelves);
  const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  const checkout: Checkout = {
    plan,
    customer: client,
    user: customer.user,
    requestId: randomUUID(),
    lines,
    totalMinor: pieces * shelves.priceMinor,
    isCancelled: false,
    refunds: new Map(),
  };
  options.onStart(checkout);
  const request = { lines, paymentToken: plan.paymentToken };
  const place = () => send(client, "/v1/orders", request, { "idempotency-key": checkout.requestId });
  const again = async () => {
    const { name } = await place();
    if (name !== checkout.order) throw new Error(`the request of ${checkout.order} made ${name} as well`);
    encounters.duplicates += 1;
  };
  const look = async (): Promise<OrderJson> => {
    const { status, body } = await admin.get(`/v1/${checkout.order}`);
    if (status !== 200) throw new Error(`${checkout.order} is acknowledged, and shown as ${status}`);
    return body;
  };
  const until = async (what: string, holds: (order: OrderJson) => boolean, timeoutMs: number) => {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const order = await look();
      if (holds(order)) return order;
      if (Date.now() > end) throw new Error(`${order.name} (${plan.name}) does not ${what}: ${JSON.stringify(order)}`);
      await delay(lookIntervalMs + Math.random() * lookJitterMs);
    }
  };

  const twins = plan.repetition === "at the same time" ? [place(), place()] : [place()];
  const [first, twin] = await Promise.all(twins);
  checkout.order = first?.name;
  options.onAcknowledged();
  if (twin !== undefined) {
    if (twin.name !== checkout.order) throw new Error(`two requests in one made ${checkout.order} and ${twin.name}`);
    encounters.duplicates += 1;
  }
  if (plan.repetition === "at once") await again();

  if (plan.deletesOwner === true) {
    await delay(plan.pauseMs);
    await deleteAccount(client, customer.user);
  }
  const cancel = async (seen: OrderJson) => {
    const cancelled = await send(client, `/v1/${checkout.order}:cancel`, {});
    checkout.isCancelled = true;
    count(encounters.cancelledIn, seen.state.replace("STATE_", ""));
    if (endOf(cancelled) !== "CANCELLED REQUESTED") throw new Error(`${cancelled.name} is ${endOf(cancelled)}`);
  };
  if (plan.cancel !== undefined && plan.cancel !== "REFUNDING") {
    // Whoever looks too late finds a later state, in which it can be cancelled too.
    const states = ["STATE_PENDING", "STATE_AWAITING_PAYMENT", "STATE_CONFIRMED", "STATE_CANCELLED"];
    const first = states.indexOf(`STATE_${plan.cancel}`);
    const isThere = ({ state }: OrderJson) => states.indexOf(state) >= first;
    await cancel(await until("reach what it is cancelled in", isThere, cancelMomentTimeoutMs));
  }

  let order = await until("settle", isSettled, settleTimeoutMs);
  if (plan.refund !== undefined) {
    const amount =
      plan.refund === "whole" ? checkout.totalMinor : 1 + Math.floor(plan.choice * (checkout.totalMinor - 1));
    const refundId = randomUUID();
    await accepted(() => refund(admin, order.name, refundId, amount), `the refund of ${order.name}`);
    checkout.refunds.set(refundId, amount);
    if (plan.cancel === "REFUNDING") await cancel(order);
    await delay(plan.pauseMs);
    await accepted(() => refund(admin, order.name, refundId, amount), `the refund of ${order.name}, once more,`);
    encounters.duplicates += 1;
    const isBack = (seen: OrderJson) => Number(seen.refunded?.minorUnits ?? 0) >= amount && isSettled(seen);
    order = await until("show its refund", isBack, settleTimeoutMs);
  }
  checkout.end = endOf(order);
  if (!plan.ends.includes(checkout.end)) {
    throw new Error(`${order.name} (${plan.name}, ${plan.paymentToken}) ended as ${checkout.end}`);
  }
  if (plan.repetition === "when settled") await again();
}

/** Counts one more of something. */
export function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** A client that repeats what nobody answered, and tells of it. */
export function patientCounted(client: ShopClient, encounters: Encounters): ShopClient {
  const timed: ShopClient = {
    ...client,
    async call(...request) {
      const startTime = performance.now();
      try {
        return await client.call(...request);
      } finally {
        encounters.slowestCallMs = Math.max(encounters.slowestCallMs, performance.now() - startTime);
      }
    },
  };
  return patient(timed, (what) => count(encounters.retries, String(what)));
}

function linesOf({ shelf = "full", quantities, choice }: CheckoutPlan, shelves: Shelves): Line[] {
  const from = (products: readonly string[], count: number) => {
    const first = Math.floor(choice * products.length);
    return Array.from({ length: count }, (_, index) => products[(first + index) % products.length] as string);
  };
  // One line decides; the others must not be held when it cannot be.
  const products =
    shelf === "full"
      ? from(shelves.full, quantities.length)
      : [...from(shelves.full, quantities.length - 1), ...from(shelves[shelf], 1)];
  return products.map((product, index) => ({ product, quantity: quantities[index] as number }));
}

async function deleteAccount(client: ShopClient, user: string): Promise<void> {
  const { status, body } = await client.call("DELETE", `/v1/${user}`);
  // Whoever did not hear the answer and asks again is told that there is no such account.
  if (status !== 200 && status !== 404) throw new Error(`${user} cannot be deleted: ${JSON.stringify(body)}`);
}

function send(client: ShopClient, path: string, body: unknown, headers?: Record<string, string>): Promise<OrderJson> {
  return accepted(() => client.call("POST", path, body, headers), `POST ${path}`);
}

async function accepted(call: () => ReturnType<ShopClient["call"]>, what: string): Promise<OrderJson> {
  const { status, body } = await call();
  if (status !== 200) throw new Error(`${what} is answered with ${status}: ${JSON.stringify(body)}`);
  return body;
}
