import type { Mutant } from "./mutant.ts";

/** What may go wrong in the services: stock, money, orders. */
export const serviceMutants: readonly Mutant[] = [
  {
    name: "unconditional-stock",
    sentence: "Stock is held without a look at what is there.",
    edits: [
      {
        path: "product-svc/src/domain/reservation.ts",
        from: `  if (product.available < line.quantity) return { ...found, reason: "INSUFFICIENT_STOCK" };\n`,
        to: "",
      },
    ],
  },
  {
    name: "no-stock-tombstone",
    sentence: "The release of an order's stock that comes before its hold leaves nothing behind.",
    edits: [
      {
        path: "product-svc/src/domain/reservation.ts",
        from: `  if (reservation?.state === "RELEASED") return undefined;\n  const version`,
        to: `  if (reservation === undefined || reservation.state === "RELEASED") return undefined;\n  const version`,
      },
    ],
  },
  {
    name: "no-payment-tombstone",
    sentence: "The cancellation of an order that comes before its request for money leaves nothing behind.",
    edits: [
      {
        path: "payment-svc/src/domain/cancel.ts",
        from: "  if (payment === undefined) return closeUnasked(emptyPayment(order, now), order, now);\n",
        to: "  if (payment === undefined) return undefined;\n",
      },
    ],
  },
  {
    name: "sold-and-kept",
    sentence: "What is sold stays held as well.",
    edits: [
      {
        path: "product-svc/src/domain/reservation.ts",
        from: "      held: product.held - quantity,\n      sold: product.sold + quantity,\n",
        to: "      sold: product.sold + quantity,\n",
      },
    ],
  },
  {
    name: "capture-without-key",
    sentence:
      "Each attempt to capture has a key of its own, and the provider is not asked what became of the last one.",
    edits: [
      {
        path: "payment-svc/src/app/drive-payment.ts",
        from: `  const earlier = payment.attempts > 1 ? await provider.findCapture(key, signal) : undefined;
  if (earlier !== undefined) return earlier;
  if (payment.isCancelRequested && payment.paymentToken === onlyAsk) return { status: "NEVER_ASKED" };
  return provider.capture({ key,`,
        to: `  if (payment.isCancelRequested && payment.paymentToken === onlyAsk) return { status: "NEVER_ASKED" };
  return provider.capture({ key: [key, payment.attempts].join('/'),`,
      },
    ],
  },
  {
    name: "refund-lost-in-a-crash",
    sentence: "A refund that was under way when the process died is never tried again.",
    edits: [
      {
        path: "payment-svc/src/domain/refund.ts",
        from: "  return { next: withRefund(payment, { ...refund, attempts: refund.attempts + 1 }), events: [], entries: [] };",
        to: `  return {
    next: withRefund(payment, { ...refund, attempts: refund.attempts + 1, nextAttemptTime: -1 }),
    events: [],
    entries: [],
  };`,
      },
      {
        path: "payment-svc/src/storage/payment-store.ts",
        from: 'and(eq(refunds.state, "REQUESTED"), isDue,',
        to: 'and(eq(refunds.state, "REQUESTED"), gt(refunds.nextAttemptTime, -1), isDue,',
      },
    ],
  },
  {
    name: "one-sided-ledger",
    sentence: "A refund is booked on one side of the ledger only.",
    edits: [
      {
        path: "payment-svc/src/domain/refund.ts",
        from: `    entries: bookMovement(\`refund/\${done.id}\`, "SALES_REFUNDS", "PROVIDER_RECEIVABLE", amount),`,
        to: `    entries: bookMovement(\`refund/\${done.id}\`, "SALES_REFUNDS", "PROVIDER_RECEIVABLE", amount).slice(0, 1),`,
      },
    ],
  },
  {
    name: "captured-after-cancel",
    sentence: "What was captured for an order that was cancelled meanwhile does not go back.",
    edits: [
      {
        path: "payment-svc/src/domain/capture.ts",
        from: "    next: payment.isCancelRequested ? requestWhatIsLeft(captured, now) : captured,",
        to: "    next: captured,",
      },
    ],
  },
  {
    name: "deadline-not-armed-again",
    sentence: "Deadlines are those of the orders that this process saw, so that a restart forgets them.",
    edits: [
      {
        path: "order-svc/src/app/expire-orders.ts",
        from: "  const { orders, contact } = deps;\n",
        to: "  const { orders, contact } = deps;\n  const startTime = deps.now();\n",
      },
      {
        path: "order-svc/src/app/expire-orders.ts",
        from: "          return expireOrder(order, stepEventId, moment);",
        to: '          return expireOrder(order, order.createTime < startTime ? "" : stepEventId, moment);',
      },
    ],
  },
  {
    name: "replica-takes-older",
    sentence: "The replica of the products takes whatever comes last, also when it is older.",
    edits: [
      {
        path: "order-svc/src/storage/product-replica.ts",
        from: "          setWhere: gte(sql`excluded.version`, products.version),\n",
        to: "          setWhere: gte(sql`excluded.version`, 0),\n",
      },
    ],
  },
  {
    name: "confirmed-unpaid",
    sentence: "An order is confirmed once its stock is held, paid or not.",
    edits: [
      {
        path: "order-svc/src/domain/settle-order.ts",
        from: `  return { state: order.capturedMinor > 0 ? "CONFIRMED" : "AWAITING_PAYMENT" };`,
        to: `  return { state: "CONFIRMED" };`,
      },
    ],
  },
];
