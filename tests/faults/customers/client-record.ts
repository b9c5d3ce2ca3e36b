import type { Line, ShopClient } from "../../e2e/shop-client.ts";
import type { CheckoutPlan } from "./checkout-plan.ts";

/** What one customer knows of one checkout: what was asked for, and what the shop has acknowledged. */
export interface Checkout {
  readonly plan: CheckoutPlan;
  readonly customer: ShopClient;
  /** The customer's resource name. */
  readonly user: string;
  readonly requestId: string;
  readonly lines: readonly Line[];
  /** What it must cost. */
  readonly totalMinor: number;
  /** The order's name, as soon as it is acknowledged. */
  order?: string;
  /** Whether a cancellation was acknowledged. */
  isCancelled: boolean;
  /** Acknowledged refunds: what an administrator gave back, by request id. */
  readonly refunds: Map<string, number>;
  /** How it ended, as the customer saw it: "STATE" or "STATE REASON". */
  end?: string;
}

/** An order as the list shows it. */
interface ListedOrder {
  readonly name: string;
  readonly user: string;
  readonly state: string;
  readonly cancelReason: string;
  readonly lines: readonly Line[];
  readonly total: { readonly minorUnits: string };
  readonly captured?: { readonly minorUnits: string };
  readonly refunded?: { readonly minorUnits: string };
}

const pageSize = 100;
const repeatersMax = 16;
const unauthenticated = 401;

/** How an order ended, as plans say it. */
export function endOf({ state, cancelReason }: Pick<ListedOrder, "state" | "cancelReason">): string {
  const reason = cancelReason === "CANCEL_REASON_UNSPECIFIED" ? "" : ` ${cancelReason.replace("CANCEL_REASON_", "")}`;
  return `${state.replace("STATE_", "")}${reason}`;
}

/**
 * Compares what customers and administrator know with what the shop shows when everything has settled, and sends every
 * request once more. Returns what differs, in words.
 */
export async function compareWithShop(
  admin: ShopClient,
  checkouts: readonly Checkout[],
  products: ReadonlyMap<string, number>,
): Promise<string[]> {
  const orders = await allOrders(admin);
  return [
    ...compareOrders(orders, checkouts),
    ...(await compareStock(admin, orders, products)),
    ...(await repeatEverything(admin, checkouts)),
    // What a repetition did wrong, it may have done a moment later.
    ...((await allOrders(admin)).length === orders.length ? [] : ["a repeated request made another order"]),
  ];
}

async function allOrders(admin: ShopClient): Promise<ListedOrder[]> {
  const found: ListedOrder[] = [];
  let pageToken = "";
  do {
    const path = `/v1/orders?user=users/-&pageSize=${pageSize}&pageToken=${encodeURIComponent(pageToken)}`;
    const { status, body } = await admin.get(path);
    if (status !== 200) throw new Error(`orders cannot be listed: ${JSON.stringify(body)}`);
    found.push(...body.orders);
    pageToken = body.nextPageToken;
  } while (pageToken !== "");
  return found;
}

function compareOrders(orders: readonly ListedOrder[], checkouts: readonly Checkout[]): string[] {
  const problems: string[] = [];
  const orderOf = new Map(orders.map((order) => [order.name, order]));
  if (orderOf.size !== orders.length) problems.push("an order is listed twice");
  const acknowledged = checkouts.filter(({ order }) => order !== undefined);
  const names = new Set(acknowledged.map(({ order }) => order));
  if (names.size !== acknowledged.length) problems.push("two requests were answered with one order");

  for (const checkout of acknowledged) {
    const order = orderOf.get(checkout.order ?? "");
    if (order === undefined) problems.push(`${checkout.order} was acknowledged and is lost`);
    else
      problems.push(...compareOrder(order, checkout).map((what) => `${order.name} (${checkout.plan.name}): ${what}`));
  }
  // Whoever gave up does not know whether there is an order; there is one at most.
  const unanswered = new Map<string, number>();
  for (const { user, order } of checkouts) {
    if (order === undefined) unanswered.set(user, (unanswered.get(user) ?? 0) + 1);
  }
  for (const { name, user } of orders) {
    if (names.has(name)) continue;
    const left = unanswered.get(user) ?? 0;
    if (left === 0) problems.push(`${name} of ${user} was ordered by nobody`);
    else unanswered.set(user, left - 1);
  }
  return problems;
}

function compareOrder(order: ListedOrder, checkout: Checkout): string[] {
  const problems: string[] = [];
  const differs = (what: string, shown: unknown, known: unknown) => {
    if (JSON.stringify(shown) !== JSON.stringify(known)) {
      problems.push(`${what} is ${JSON.stringify(shown)}, acknowledged was ${JSON.stringify(known)}`);
    }
  };
  const end = endOf(order);
  const total = String(checkout.totalMinor);
  differs("the user", order.user, checkout.user);
  differs(
    "what was ordered",
    order.lines.map(({ product, quantity }) => ({ product, quantity })),
    checkout.lines,
  );
  differs("the total", order.total.minorUnits, total);
  if (checkout.isCancelled && end !== "CANCELLED REQUESTED") problems.push(`it was cancelled, and is ${end}`);
  if (!checkout.plan.ends.includes(end)) problems.push(`it ended as ${end}, not ${checkout.plan.ends.join(" or ")}`);
  if (checkout.end !== undefined) differs("its end", end, checkout.end);

  const { minorUnits: captured = "0" } = order.captured ?? {};
  const { minorUnits: refunded = "0" } = order.refunded ?? {};
  if (order.state === "STATE_CONFIRMED") {
    differs("captured", captured, total);
    differs("refunded", Number(refunded), sum(checkout.refunds.values()));
  } else {
    differs("refunded", refunded, captured);
  }
  return problems;
}

/** `products` says how many pieces of each there were at first. */
async function compareStock(
  admin: ShopClient,
  orders: readonly ListedOrder[],
  products: ReadonlyMap<string, number>,
): Promise<string[]> {
  const sold = new Map<string, number>();
  for (const { product, quantity } of orders
    .filter(({ state }) => state === "STATE_CONFIRMED")
    .flatMap((o) => o.lines)) {
    sold.set(product, (sold.get(product) ?? 0) + quantity);
  }
  const problems: string[] = [];
  for (const [product, initial] of products) {
    const { body } = await admin.get(`/v1/${product}`);
    const expected = initial - (sold.get(product) ?? 0);
    if (body.availableQuantity !== expected) {
      problems.push(`${product}: ${body.availableQuantity} pieces are available, not ${expected}`);
    }
  }
  return problems;
}

/** Sends every acknowledged request again, with its request id. Each must be answered with the same resource. */
async function repeatEverything(admin: ShopClient, checkouts: readonly Checkout[]): Promise<string[]> {
  const problems: string[] = [];
  const waiting = checkouts.filter(({ order }) => order !== undefined);
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { customer, lines, plan, requestId, order, refunds, isCancelled, totalMinor } = next;
      const { status, body } = await customer.call(
        "POST",
        "/v1/orders",
        { lines, paymentToken: plan.paymentToken },
        { "idempotency-key": requestId },
      );
      // Whose account is deleted can repeat for as long as the access token lasts.
      const isLockedOut = status === unauthenticated && plan.deletesOwner === true;
      if (body?.name !== order && !isLockedOut)
        problems.push(`the request of ${order} is answered with ${status} ${body?.name}`);
      for (const [refundId, minorUnits] of refunds) {
        const again = await refund(admin, `${order}`, refundId, minorUnits);
        const { refunded, refundsPending } = again.body ?? {};
        const moved = Number(refunded?.minorUnits ?? 0) + Number(refundsPending?.minorUnits ?? 0);
        const expected = isCancelled ? totalMinor : sum(refunds.values());
        if (again.status !== 200 || moved !== expected) {
          problems.push(`the refund ${refundId} of ${order} is answered with ${again.status}, ${moved} refunded`);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: repeatersMax }, work));
  return problems;
}

/** Gives part of an order's payment back, under a request id. */
export function refund(admin: ShopClient, order: string, requestId: string, minorUnits: number) {
  return admin.call(
    "POST",
    `/v1/${order.replace("orders/", "payments/")}:refund`,
    { amount: { currency: "EUR", minorUnits: String(minorUnits) } },
    { "idempotency-key": requestId },
  );
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0);
}
