import type { OperationRow, OrderRow, PaymentRow, RefundRow, ReservationRow } from "../books.ts";
import type { Finding } from "../finding.ts";
import { byId, type PairRule } from "./pair-rule.ts";

// Claims of the form "what A shows, B shows too", with A read before B: they hold at every read. See plan.ts.

/** I2: what an order knows of its stock and money is true, and never ahead of it. */
export const ordersKnowWhatHappened: PairRule = (books) => {
  const orders = books.first("order-svc", "orders");
  const payments = books.second("payment-svc", "payments");
  const reservations = books.second("product-svc", "reservations");
  const findings: Finding[] = [];
  if (orders === undefined) return findings;
  const paymentOf = payments && byId(payments);
  const reservationOf = reservations && byId(reservations);
  for (const order of orders) {
    const about = `orders/${order.id}`;
    if (paymentOf !== undefined && order.paymentVersion > 0) {
      const what = wrongAboutMoney(order, paymentOf.get(order.id));
      if (what !== undefined) findings.push({ invariant: "I2", services: ["order-svc", "payment-svc"], about, what });
    }
    if (reservationOf !== undefined && order.stockVersion > 0) {
      const what = wrongAboutStock(order, reservationOf.get(order.id));
      if (what !== undefined) findings.push({ invariant: "I2", services: ["order-svc", "product-svc"], about, what });
    }
  }
  return findings;
};

function wrongAboutMoney(order: OrderRow, payment: PaymentRow | undefined): string | undefined {
  const { paymentState, paymentVersion, captured, refunded } = order;
  const knows = `knows a payment ${paymentState} (version ${paymentVersion}), ${captured} captured, ${refunded} refunded`;
  if (payment === undefined) return `${knows}; there is none`;
  const isState = payment.state === (paymentState === "REFUNDED" ? "CAPTURED" : paymentState);
  const isMoney = captured <= capturedOf(payment) && refunded <= payment.refunded;
  if (isState && isMoney && paymentVersion <= payment.version) return undefined;
  return `${knows}; it is ${payment.state} (version ${payment.version}), ${capturedOf(payment)} captured, ${payment.refunded} refunded`;
}

const laterStates: Readonly<Record<string, readonly string[]>> = {
  RESERVED: ["HELD", "SOLD", "RELEASED"],
  REJECTED: ["REJECTED", "RELEASED"],
  SOLD: ["SOLD", "RELEASED"],
  RELEASED: ["RELEASED"],
};

function wrongAboutStock(order: OrderRow, reservation: ReservationRow | undefined): string | undefined {
  const { stockState, stockVersion } = order;
  const knows = `knows its stock ${stockState} (version ${stockVersion})`;
  if (reservation === undefined) return `${knows}; product-svc knows nothing of it`;
  const isPossible = stockState !== null && laterStates[stockState]?.includes(reservation.state);
  if (isPossible && stockVersion <= reservation.version) return undefined;
  return `${knows}; it is ${reservation.state} (version ${reservation.version})`;
}

/** I2: each payment and each reservation has its order, of the same user, amount and lines. */
export const everythingHasItsOrder: PairRule = (books) => {
  const orders = books.first("order-svc", "orders");
  const findings: Finding[] = [];
  if (orders === undefined) return findings;
  const orderOf = byId(orders);
  for (const payment of books.first("payment-svc", "payments") ?? []) {
    const what = wrongAboutOrder(payment, orderOf.get(payment.id));
    const about = `payments/${payment.id}`;
    if (what !== undefined) findings.push({ invariant: "I2", services: ["payment-svc", "order-svc"], about, what });
  }
  for (const reservation of books.first("product-svc", "reservations") ?? []) {
    const what = wrongAboutCause(reservation, orderOf.get(reservation.id));
    const about = `orders/${reservation.id}`;
    if (what !== undefined) findings.push({ invariant: "I2", services: ["product-svc", "order-svc"], about, what });
  }
  return findings;
};

function wrongAboutOrder(payment: PaymentRow, order: OrderRow | undefined): string | undefined {
  if (order === undefined) return `${payment.state}, and there is no such order`;
  if (payment.user !== order.user) return `belongs to users/${payment.user}, its order to users/${order.user}`;
  if (payment.amount === null || (payment.amount === order.total && payment.currency === order.currency))
    return undefined;
  return `of ${payment.amount} ${payment.currency}, the order's total is ${order.total} ${order.currency}`;
}

function wrongAboutCause(reservation: ReservationRow, order: OrderRow | undefined): string | undefined {
  const { state, lines } = reservation;
  if (order === undefined) return `its stock is ${state}, and there is no such order`;
  if (lines !== null && lines !== order.lines) return `ordered ${order.lines}, and ${state} is ${lines}`;
  if (state === "SOLD" && order.confirmTime === null) return `its stock is SOLD, and it was never confirmed`;
  if (state === "RELEASED" && order.state !== "CANCELLED") return `its stock is RELEASED, and it is ${order.state}`;
  return undefined;
}

/** I5: what payment-svc has booked the provider has done, and the provider has done only what it was asked for. */
export const providerDidWhatWasAsked: PairRule = (books) => {
  const done = books.second("test-provider", "operations");
  const before = books.first("test-provider", "operations");
  const payments = books.first("payment-svc", "payments");
  const refunds = books.first("payment-svc", "refunds");
  if (payments === undefined || refunds === undefined) return [];
  const orders = new Set(books.first("order-svc", "orders")?.map(({ id }) => id));
  const services = ["payment-svc", "test-provider"] as const;
  const findings: Finding[] = [];
  const find = (about: string, what: string) => findings.push({ invariant: "I5", services, about, what });

  const asked = new Map<string, PaymentRow | RefundRow>([
    ...payments.map((payment) => [`capture/${payment.id}`, payment] as const),
    ...refunds.map((refund) => [`refund/${refund.id}`, refund] as const),
  ]);
  const operations = done && new Map(done.map((operation) => [operation.key, operation]));
  for (const [key, row] of asked) {
    const said = statusOf(row);
    if (operations === undefined || said === undefined) continue;
    const operation = operations.get(key);
    if (operation?.status === said && isSameAmount(row, operation)) continue;
    find(
      paymentName(row),
      `${said} ${row.amount} ${row.currency} by us, by the provider ${describe(operation)} (${key})`,
    );
  }
  for (const operation of before ?? []) {
    const row = asked.get(operation.key);
    if (row === undefined)
      find(operation.key, `${describe(operation)} by the provider, ${whoAsked(operation, orders)}`);
    else if (!isPossible(row, operation)) {
      find(paymentName(row), `${row.state} here, by the provider ${describe(operation)} (${operation.key})`);
    }
  }
  return findings;
};

/** After a restore the provider remembers more than we do; what is to be done about it depends on what we still have. */
function whoAsked({ key, status }: OperationRow, orders: ReadonlySet<string>): string {
  if (!orders.has(key.split("/")[1] ?? "")) return "and nobody here asked for it";
  if (status === "REFUNDED") return "for an order that is here, and nobody here remembers it";
  return "and its order has not come to its payment here yet";
}

/** What the provider has to say of it by now; undefined as long as we do not know. */
function statusOf(row: PaymentRow | RefundRow): OperationRow["status"] | undefined {
  if (row.state === "DONE") return "REFUNDED";
  return row.state === "CAPTURED" || row.state === "DECLINED" ? row.state : undefined;
}

function isPossible(row: PaymentRow | RefundRow, operation: OperationRow): boolean {
  if (!isSameAmount(row, operation)) return false;
  if ("payment" in row) return operation.status === "REFUNDED";
  return row.state === "CAPTURING" ? row.attempts > 0 : row.state === operation.status;
}

const isSameAmount = (row: PaymentRow | RefundRow, operation: OperationRow) =>
  row.amount === operation.amount && row.currency === operation.currency;
const paymentName = (row: PaymentRow | RefundRow) => `payments/${"payment" in row ? row.payment : row.id}`;
const describe = (operation: OperationRow | undefined) =>
  operation === undefined ? "nothing" : `${operation.status} ${operation.amount} ${operation.currency}`;
const capturedOf = (payment: PaymentRow) => (payment.state === "CAPTURED" ? (payment.amount ?? 0) : 0);

/** I1: no order is lost that was acknowledged. */
export const acknowledgedOrdersAreThere: PairRule = (books, { acknowledged }) => {
  const orders = books.first("order-svc", "orders");
  if (orders === undefined) return [];
  const known = new Set(orders.map(({ id }) => id));
  return acknowledged
    .map((order) => order.replace(/^orders\//, ""))
    .filter((id) => !known.has(id))
    .map((id) => ({
      invariant: "I1",
      services: ["order-svc"],
      about: `orders/${id}`,
      what: "was acknowledged and is not there",
    }));
};
