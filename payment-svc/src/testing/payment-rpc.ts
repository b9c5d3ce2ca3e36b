import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { createPageTokens } from "@quartet/chassis/page-token";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { implement } from "@quartet/chassis/rpc/implement";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { BadRequestSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { createRefundPayment } from "../app/refund-payment.ts";
import { cancelPayment } from "../domain/cancel.ts";
import { openPayment, recordCapture, startCapture } from "../domain/capture.ts";
import { recordRefund } from "../domain/refund.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createPaymentServiceImpl } from "../rpc/payment-service.ts";
import { createLedgerQueries } from "../storage/ledger-queries.ts";
import { createPaymentQueries } from "../storage/payment-queries.ts";
import { createPaymentStore } from "../storage/payment-store.ts";
import { aCancelledOrder, aMessage, aNewPayment } from "./builders.ts";

/** How a call is made: with whose token. */
export interface As {
  readonly headers: Record<string, string>;
}

/** PaymentService over a database of its own, without a network, and what moves its payments. */
export interface PaymentRpc {
  readonly client: Client<typeof PaymentService>;
  readonly database: Database;
  /** Two customers and an administrator. */
  readonly ada: As;
  readonly eve: As;
  readonly root: As;
  /** How often the driver was told that there may be work. */
  readonly nudges: () => number;
  /** Opens a payment of 25.98, at second 1. */
  open(id: string, changes?: { userId?: string; currency?: string }): Promise<unknown>;
  /** Records at second 3 that the provider captured it. */
  capture(id: string): Promise<void>;
  /** Cancels its order at second 4. */
  cancel(id: string): Promise<unknown>;
  /** Records at second 5 that the provider carried out a refund. */
  refunded(id: string, requestId: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens the service for one test. */
export async function openPaymentRpc(): Promise<PaymentRpc> {
  const database = await openTestDatabase({ migrations: [migrations] });
  const tokens = createTestTokens();
  const now = Date.now;
  let [ids, nudges] = [0, 0];
  const payments = createPaymentStore({
    database,
    unitOfWork: createUnitOfWork({ database, now }),
    toOutgoing: createToOutgoing({ newId: () => `event-${++ids}` }),
    now,
  });
  const implementation = createPaymentServiceImpl({
    queries: createPaymentQueries({ database }),
    ledger: createLedgerQueries({ database }),
    refundPayment: createRefundPayment({ payments, now, onWork: () => nudges++ }),
    pageTokens: createPageTokens({ key: new Uint8Array(32) }),
  });
  const verifier = createTokenVerifier({ keys: tokens.keySet, issuer: "quartet", audience: "quartet", now });
  const registrations = [implement(PaymentService, implementation)];
  const as = async (userId: string, role: "customer" | "admin" = "customer"): Promise<As> => ({
    headers: { authorization: `Bearer ${await tokens.sign({ userId, role })}` },
  });

  return {
    client: createClient(PaymentService, inMemoryTransport({ registrations, verifier })),
    database,
    ada: await as("ada"),
    eve: await as("eve"),
    root: await as("root", "admin"),
    nudges: () => nudges,
    open(id, { userId = "ada", currency = "EUR" } = {}) {
      const input = aNewPayment({ id, userId, amount: { currency, minorUnits: 2598 } });
      return payments.handle(id, aMessage(`open ${id}`), (payment) => openPayment(payment, input, 1_000));
    },
    async capture(id) {
      await payments.update(id, (payment) => startCapture(payment, 2_000));
      await payments.update(id, (payment) => recordCapture(payment, { status: "CAPTURED" }, 3_000));
    },
    cancel: (id) =>
      payments.handle(id, aMessage(`cancel ${id}`), (payment) =>
        cancelPayment(payment, aCancelledOrder({ id }), 4_000),
      ),
    async refunded(id, requestId) {
      const refundId = `${id}/${requestId}`;
      await payments.update(id, (payment) => {
        const asked = payment.refunds.find((refund) => refund.id === refundId);
        return asked && recordRefund(payment, refundId, asked.amountMinor, 5_000);
      });
    },
    close: () => database.close(),
  };
}

/** What the caller of a failed call is told: code, reason, the fields that are wrong. */
export interface Told {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly fields: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a call is refused with. Throws when it is answered. */
export async function refusalOf(call: Promise<unknown>): Promise<Told> {
  const answered = new Error("the call was answered");
  const error = await call.then(
    () => Promise.reject(answered),
    (reason) => ConnectError.from(reason),
  );
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const info = errorInfoOf(error);
  return {
    code: Code[error.code] ?? "",
    reason: info?.reason ?? "",
    message: error.rawMessage,
    fields: violations.map(({ field }) => field),
    metadata: info?.metadata ?? {},
  };
}
