import assert from "node:assert/strict";
import { emptyFields } from "@quartet/chassis/testing/empty-fields";
import { LedgerBalanceSchema, PaymentSchema } from "@quartet/proto/shop/payment/v1/payment_pb";
import { describe, it } from "mocha";
import { aCapturedPayment } from "../testing/builders.ts";
import { toLedgerBalanceMessage } from "./ledger-message.ts";
import { toPaymentMessage } from "./payment-message.ts";

describe("toPaymentMessage", () => {
  it("leaves out no field of the contract", () => {
    const message = toPaymentMessage(aCapturedPayment({ declineCode: "card_declined" }));
    assert.deepEqual(emptyFields(PaymentSchema, message), []);
  });
});

describe("toLedgerBalanceMessage", () => {
  it("leaves out no field of the contract", () => {
    const balance = { currency: "EUR", account: "SALES", debitMinor: 1n, creditMinor: 2n, asOfEntry: 3 } as const;
    assert.deepEqual(emptyFields(LedgerBalanceSchema, toLedgerBalanceMessage(balance)), []);
  });
});
