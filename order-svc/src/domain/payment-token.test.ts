import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { refuseCardNumber } from "./payment-token.ts";

describe("refuseCardNumber", () => {
  for (const token of [
    "a4111111111111111",
    "tok_4111111111111111",
    "tok1_4111111111111111",
    "card-4111-1111-1111-1111",
    "x5555_5555_5555_4444x",
    "amex378282246310005",
    "maestro6759649826438453",
    "old4222222222222",
  ]) {
    it(`refuses ${token} without repeating it`, () => {
      assert.throws(
        () => refuseCardNumber(token),
        (error: Error & { reason?: string }) =>
          error.reason === "CARD_NUMBER_REFUSED" && !JSON.stringify([error, error.message]).includes(token),
      );
    });
  }

  for (const token of [
    "tok_visa",
    "tok_decline",
    "a4111111111111112",
    "tok_0193a5b2-7c11-7d52-9a3e-1f0c2b3d4e5f",
    "short411111111111",
    "long41111111111111110000",
  ]) {
    it(`accepts ${token}`, () => {
      refuseCardNumber(token);
    });
  }
});
