import type { OrderRow, PaymentRow, ReservationRow } from "../books.ts";
import type { Finding } from "../finding.ts";
import { byId, type PairRule } from "./pair-rule.ts";

// What holds once everything has come to rest. Until then each finding says since when nothing has changed about it.

/** I1: every order is final, and stock and payment have said their last word about it. */
export const ordersAreFinal: PairRule = (books) =>
  (books.first("order-svc", "orders") ?? []).flatMap((order): Finding[] => {
    const missing = missingWords(order);
    if (missing.length === 0) return [];
    const services = ["order-svc", ...missing.map(({ from }) => from)] as const;
    const what = `${order.state}, and waits for ${missing.map(({ word }) => word).join(" and ")}`;
    return [{ invariant: "I1", services, about: `orders/${order.id}`, what, sinceTime: order.updateTime }];
  });

type Missing = { readonly from: "product-svc" | "payment-svc"; readonly word: string };

function missingWords(order: OrderRow): Missing[] {
  switch (order.state) {
    case "PENDING":
      return [{ from: "product-svc", word: "its stock" }];
    case "AWAITING_PAYMENT":
      return [{ from: "payment-svc", word: "its payment" }];
    case "CONFIRMED":
      return order.stockState === "SOLD" ? [] : [{ from: "product-svc", word: "its stock to be sold" }];
    case "CANCELLED": {
      const missing: Missing[] = [];
      if (order.stockState !== "RELEASED") missing.push({ from: "product-svc", word: "its stock to be released" });
      if (order.paymentState === null) missing.push({ from: "payment-svc", word: "its payment to be closed" });
      else if (order.captured !== order.refunded) missing.push({ from: "payment-svc", word: "its refund" });
      return missing;
    }
  }
}

/** I2: money and stock are what the state of the order says, on both sides. */
export const ordersAreSettled: PairRule = (books) => {
  const orders = books.first("order-svc", "orders") ?? [];
  const payments = books.second("payment-svc", "payments");
  const reservations = books.second("product-svc", "reservations");
  const paymentOf = payments && byId(payments);
  const reservationOf = reservations && byId(reservations);
  return orders.flatMap((order): Finding[] => {
    const about = `orders/${order.id}`;
    const payment = paymentOf?.get(order.id);
    const reservation = reservationOf?.get(order.id);
    const sinceTime = Math.max(order.updateTime, payment?.updateTime ?? 0, reservation?.updateTime ?? 0);
    const money = paymentOf && moneyProblem(order, payment);
    const stock = reservationOf && stockProblem(order, reservation);
    const findings: Finding[] = [];
    const settling = { invariant: "I2", about, sinceTime } as const;
    if (money !== undefined) findings.push({ ...settling, services: ["order-svc", "payment-svc"], what: money });
    if (stock !== undefined) findings.push({ ...settling, services: ["order-svc", "product-svc"], what: stock });
    return findings;
  });
};

function moneyProblem(order: OrderRow, payment: PaymentRow | undefined): string | undefined {
  const captured = payment?.state === "CAPTURED" ? (payment.amount ?? 0) : 0;
  const refunded = payment?.refunded ?? 0;
  const says = `${order.state} of ${order.total}, payment ${payment?.state ?? "missing"}, ${captured} captured, ${refunded} refunded`;
  if (order.captured !== captured || order.refunded !== refunded) {
    return `${says}: the order knows of ${order.captured} and ${order.refunded}`;
  }
  if (payment !== undefined && payment.toRefund > 0) return `${says}: ${payment.toRefund} are on their way back`;
  if (order.state === "CONFIRMED" && captured !== order.total) return `${says}: not paid`;
  if (order.state === "CANCELLED" && captured !== refunded) return `${says}: not returned`;
  if (order.state === "CANCELLED" && payment?.state === "CAPTURING") return `${says}: not closed`;
  return undefined;
}

function stockProblem(order: OrderRow, reservation: ReservationRow | undefined): string | undefined {
  const expected = { CONFIRMED: "SOLD", CANCELLED: "RELEASED", PENDING: undefined, AWAITING_PAYMENT: "HELD" }[
    order.state
  ];
  if (expected === undefined || reservation?.state === expected) return undefined;
  return `${order.state}, its stock is ${reservation?.state ?? "unknown to product-svc"}`;
}

/** I5: nothing that the provider did is still unknown here. */
export const providerIsBooked: PairRule = (books) => {
  const operations = books.first("test-provider", "operations") ?? [];
  const payments = books.first("payment-svc", "payments") ?? [];
  const refunds = books.first("payment-svc", "refunds") ?? [];
  const paymentOf = byId(payments);
  const open = new Map<string, string>([
    ...payments.filter(({ state }) => state === "CAPTURING").map((one) => [`capture/${one.id}`, one.id] as const),
    ...refunds.filter(({ state }) => state === "REQUESTED").map((one) => [`refund/${one.id}`, one.payment] as const),
  ]);
  return operations.flatMap(({ key, status, amount, currency }): Finding[] => {
    const id = open.get(key);
    if (id === undefined) return [];
    const sinceTime = paymentOf.get(id)?.updateTime;
    const what = `${status} ${amount} ${currency} by the provider (${key}), and not yet booked`;
    return [{ invariant: "I5", services: ["payment-svc", "test-provider"], about: `payments/${id}`, what, sinceTime }];
  });
};

/** I10: order-svc knows the products as product-svc last told of them, and never ahead of it. */
export const replicaFollows: PairRule = (books) => {
  const products = books.second("product-svc", "products");
  const replicas = books.first("order-svc", "replicas");
  if (products === undefined || replicas === undefined) return [];
  const replicaOf = byId(replicas);
  const productOf = byId(products);
  const strange = replicas
    .filter(({ id }) => !productOf.has(id))
    .map(({ id, said }) => finding(id, `order-svc knows ${said}, product-svc no such product`));
  return [
    ...strange,
    ...products.flatMap((product) => {
      const replica = replicaOf.get(product.id);
      const known = replica && `order-svc knows version ${replica.version}, ${replica.said}`;
      const is = `product-svc has version ${product.version}, ${product.said}`;
      if (replica === undefined || replica.version < product.version) {
        return [finding(product.id, `${known ?? "order-svc does not know it"}; ${is}`, product.updateTime)];
      }
      const isTrue = replica.version === product.version && replica.said === product.said;
      return isTrue ? [] : [finding(product.id, `${known}; ${is}`)];
    }),
  ];
};

function finding(id: string, what: string, sinceTime?: number): Finding {
  const services = ["order-svc", "product-svc"] as const;
  return {
    invariant: "I10",
    services,
    about: `products/${id}`,
    what,
    ...(sinceTime === undefined ? {} : { sinceTime }),
  };
}
