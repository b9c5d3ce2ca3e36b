import assert from "node:assert/strict";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import {
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@quartet/proto/shop/payment/v1/payment_events_pb";
import { describe, it } from "mocha";
import type { PaymentEvent } from "../domain/payment.ts";
import { createToOutgoing } from "./publish.ts";

const fact = { paymentId: "o1", version: 3, time: 1_000 };
const amount = { currency: "EUR", minorUnits: 2598 };
const base = { payment: "payments/o1", order: "orders/o1", version: "3" };
const money = { currency: "EUR", minorUnits: "2598" };
const time = "1970-01-01T00:00:01Z";

/** One for each kind: a new kind does not compile before it is here. */
const cases: {
  [K in PaymentEvent["kind"]]: [Extract<PaymentEvent, { kind: K }>, DescMessage, Record<string, unknown>];
} = {
  captured: [
    { ...fact, kind: "captured", amount },
    PaymentCapturedSchema,
    { ...base, amount: money, captureTime: time },
  ],
  declined: [
    { ...fact, kind: "declined", declineCode: "card_declined" },
    PaymentDeclinedSchema,
    { ...base, declineCode: "card_declined", declineTime: time },
  ],
  voided: [{ ...fact, kind: "voided" }, PaymentVoidedSchema, { ...base, voidTime: time }],
  refunded: [
    { ...fact, kind: "refunded", amount, refunded: { currency: "EUR", minorUnits: 2599 } },
    PaymentRefundedSchema,
    { ...base, amount: money, refunded: { currency: "EUR", minorUnits: "2599" }, refundTime: time },
  ],
};

describe("toOutgoing", () => {
  const toOutgoing = createToOutgoing({ newId: () => "event-1" });
  for (const [event, schema, message] of Object.values(cases)) {
    it(`writes ${schema.name} as the contract has it`, () => {
      const { payload, ...outgoing } = toOutgoing(event);
      assert.deepEqual(outgoing, { id: "event-1", type: schema.typeName, aggregate: "payments/o1", version: 3 });
      assert.deepEqual(toJson(schema, fromBinary(schema, payload)), message);
    });
  }
});
