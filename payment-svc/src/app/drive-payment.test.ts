import assert from "node:assert/strict";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { type FixedClock, fixedClock } from "@quartet/chassis/testing/clock";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { CaptureResult } from "../domain/capture.ts";
import type { ProviderRefund } from "../domain/refund.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createPaymentRows } from "../storage/payment-rows.ts";
import { createPaymentStore } from "../storage/payment-store.ts";
import { aMessage, aNewPayment } from "../testing/builders.ts";
import { createDrivePayment } from "./drive-payment.ts";
import {
  type PaymentProvider,
  type PaymentStore,
  type ProviderTask,
  ProviderUnavailableError,
  RefundRefusedError,
} from "./ports.ts";
import { createSettlePayments, type SettlePayments } from "./settle-payments.ts";

/** Orders that were placed until then may be known to the provider and not here. */
const restoreTime = 500;
const captured: CaptureResult = { status: "CAPTURED" };
const capture = { kind: "capture", paymentId: "o1" } as const;
const refund = { kind: "refund", paymentId: "o1", refundId: "o1/cancel" } as const;

describe("drivePayment", () => {
  let database: Database;
  let clock: FixedClock;
  let payments: PaymentStore;
  let settle: SettlePayments;
  /** What the provider did, in order. */
  let calls: string[];
  let answer: () => Promise<CaptureResult>;
  let done: Map<string, CaptureResult>;
  let isAway: boolean;
  let returned: ProviderRefund[];
  /** What the provider has returned under each key. */
  let refunded: Map<string, number>;
  let drive: (task: ProviderTask, signal?: AbortSignal) => Promise<void>;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    clock = fixedClock();
    const { now } = clock;
    let eventCount = 0;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++eventCount}` });
    payments = createPaymentStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
    settle = createSettlePayments({ payments, now, onWork: () => {}, restoreTime });
    calls = [];
    answer = async () => captured;
    done = new Map();
    isAway = false;
    returned = [];
    refunded = new Map();
    const provider: PaymentProvider = {
      async capture({ key, amount, paymentToken }) {
        calls.push(`capture ${key} ${amount.minorUnits} ${paymentToken}`);
        const result = done.get(key) ?? (await answer());
        done.set(key, result);
        return result;
      },
      async refund({ key, captureKey, amount }) {
        calls.push(`refund ${key} of ${captureKey} ${amount.minorUnits}`);
        await answer();
        refunded.set(key, refunded.get(key) ?? amount.minorUnits);
        return refunded.get(key) ?? assert.fail();
      },
      async findCapture(key) {
        calls.push(`find ${key}`);
        if (isAway) throw new ProviderUnavailableError("no answer");
        return done.get(key);
      },
      async findRefund(key) {
        calls.push(`find ${key}`);
        return refunded.get(key);
      },
      async findRefunds(captureKey) {
        calls.push(`find refunds of ${captureKey}`);
        return returned;
      },
    };
    const drivePayment = createDrivePayment({ payments, provider, now });
    drive = (task, signal = new AbortController().signal) => drivePayment(task, signal);
    await settle.open(aNewPayment(), aMessage("opened"));
  });

  afterEach(() => database.close());

  const load = (id = "o1") => createPaymentRows(database).payment(id) ?? assert.fail("no payment");
  const { amount: total } = aNewPayment();
  const cancel = (id = "o1", placeTime = restoreTime + 1) =>
    settle.cancel({ id, userId: "ada", total, placeTime }, aMessage(`cancelled ${id}`));
  const due = async () => (await payments.due(clock.now(), 10)).map((task) => task.kind);

  it("captures the amount under the key of the payment", async () => {
    await drive(capture);
    assert.deepEqual(calls, ["capture capture/o1 2598 tok_visa"]);
    assert.equal(load().state, "CAPTURED");
    assert.deepEqual(await due(), []);
  });

  it("asks again later when the answer is not known, and asks first what became of the key", async () => {
    answer = () => Promise.reject(new ProviderUnavailableError("no answer"));
    await drive(capture);
    assert.deepEqual([load().state, load().attempts], ["CAPTURING", 1]);
    assert.deepEqual(await due(), []);
    clock.advance(200);
    assert.deepEqual(await due(), ["capture"]);
    answer = async () => captured;
    await drive(capture);
    assert.deepEqual(calls.slice(1), ["find capture/o1", "capture capture/o1 2598 tok_visa"]);
    assert.equal(load().state, "CAPTURED");
  });

  it("puts off what fails in a way that waiting does not explain, and says so", async () => {
    const broken = new Error("broken");
    answer = () => Promise.reject(broken);
    await assert.rejects(drive(capture), broken);
    assert.deepEqual([load().state, await due()], ["CAPTURING", []]);
    clock.advance(200);
    answer = async () => captured;
    await drive(capture);
    await cancel();
    answer = () => Promise.reject(broken);
    await assert.rejects(drive(refund), broken);
    assert.deepEqual([load().refunds[0]?.state, await due()], ["REQUESTED", []]);
  });

  it("finds what it captured before it died", async () => {
    // Died after the provider's answer: the attempt is counted, the result is not recorded.
    const died = new Error("killed");
    const update = payments.update;
    let updates = 0;
    payments.update = (id, decide) => (++updates === 2 ? Promise.reject(died) : update(id, decide));
    await assert.rejects(drive(capture), died);
    assert.deepEqual(await due(), ["capture"]);
    await drive(capture);
    assert.deepEqual(calls, ["capture capture/o1 2598 tok_visa", "find capture/o1"]);
    assert.equal(load().state, "CAPTURED");
  });

  it("waits longer after each failure, up to a bound", async () => {
    answer = () => Promise.reject(new ProviderUnavailableError("no answer"));
    const delays: number[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      await drive(capture);
      delays.push(load().nextAttemptTime - clock.now());
      clock.advance(load().nextAttemptTime - clock.now());
    }
    assert.deepEqual(delays, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
  });

  it("never asks the provider about an order that was cancelled before", async () => {
    await cancel();
    await drive(capture);
    assert.deepEqual(calls, []);
    assert.equal(load().state, "VOIDED");
  });

  it("sends back what was captured for an order that was cancelled during the call", async () => {
    answer = async () => {
      await cancel();
      return captured;
    };
    await drive(capture);
    assert.deepEqual(await due(), ["refund"]);
    answer = async () => captured;
    await drive(refund);
    assert.deepEqual(calls, ["capture capture/o1 2598 tok_visa", "refund refund/o1/cancel of capture/o1 2598"]);
    assert.equal(load().refunds[0]?.state, "DONE");
    assert.deepEqual(await due(), []);
  });

  for (const which of ["that was never opened here", "that was opened and not begun"]) {
    const id = which.includes("never") ? "o2" : "o1";
    const asked = { kind: "capture", paymentId: id } as const;

    it(`sends back what was captured before a restore for a payment ${which}, and is cancelled`, async () => {
      done.set(`capture/${id}`, captured);
      await cancel(id, restoreTime);
      await drive(asked);
      await drive({ kind: "refund", paymentId: id, refundId: `${id}/cancel` });
      assert.deepEqual(calls, [`find capture/${id}`, `refund refund/${id}/cancel of capture/${id} 2598`]);
      assert.deepEqual([load(id).state, load(id).refunds[0]?.state], ["CAPTURED", "DONE"]);
    });

    it(`captures nothing for a payment ${which} where it was not, and asks until it knows`, async () => {
      await cancel(id, restoreTime);
      isAway = true;
      await drive(asked);
      assert.equal(load(id).state, "CAPTURING");
      isAway = false;
      await drive(asked);
      assert.deepEqual(calls, [`find capture/${id}`, `find capture/${id}`]);
      assert.deepEqual([load(id).state, load(id).paymentToken, load(id).refunds], ["VOIDED", undefined, []]);
    });
  }

  it("finds what it refunded before it died", async () => {
    await drive(capture);
    await cancel();
    // Died after the provider's answer: the attempt is counted, the result is not recorded.
    const died = new Error("killed");
    const update = payments.update;
    let updates = 0;
    payments.update = (id, decide) => (++updates === 2 ? Promise.reject(died) : update(id, decide));
    await assert.rejects(drive(refund), died);
    assert.deepEqual([load().refunds[0]?.state, await due()], ["REQUESTED", ["refund"]]);
    await drive(refund);
    assert.deepEqual(calls.slice(1), ["refund refund/o1/cancel of capture/o1 2598", "find refund/o1/cancel"]);
    assert.equal(load().refunds[0]?.state, "DONE");
  });

  it("refunds once, also when the first answer was lost", async () => {
    await drive(capture);
    await cancel();
    answer = () => Promise.reject(new ProviderUnavailableError("no answer"));
    await drive(refund);
    answer = async () => captured;
    clock.advance(200);
    await drive(refund);
    await drive(refund);
    assert.deepEqual(calls.slice(1), [
      "refund refund/o1/cancel of capture/o1 2598",
      "find refund/o1/cancel",
      "refund refund/o1/cancel of capture/o1 2598",
    ]);
    assert.equal(load().refunds[0]?.state, "DONE");
  });

  it("asks for what is left when the provider refuses, because somebody else has returned a part", async () => {
    await drive(capture);
    await cancel();
    answer = () => Promise.reject(new RefundRefusedError("too much"));
    returned = [{ key: "re_1", amountMinor: 598 }];
    await drive(refund);
    assert.deepEqual(await due(), ["refund"]);
    answer = async () => captured;
    await drive(refund);
    assert.deepEqual(calls.slice(1), [
      "refund refund/o1/cancel of capture/o1 2598",
      "find refunds of capture/o1",
      "find refund/o1/cancel",
      "refund refund/o1/cancel of capture/o1 2000",
    ]);
    const refunds = load().refunds.map(({ id, amountMinor, state }) => `${id} ${amountMinor} ${state}`);
    assert.deepEqual([refunds, await due()], [["o1/cancel 2000 DONE", "re_1 598 DONE"], []]);
  });

  it("books what a key had returned before a restore, and asks for the rest under another one", async () => {
    await drive(capture);
    await cancel();
    refunded.set("refund/o1/cancel", 2000);
    await drive(refund);
    assert.deepEqual(await due(), ["refund"]);
    await drive({ ...refund, refundId: "o1/cancel/2" });
    assert.deepEqual(calls.slice(1), [
      "refund refund/o1/cancel of capture/o1 2598",
      "refund refund/o1/cancel/2 of capture/o1 598",
    ]);
    const refunds = load().refunds.map(({ id, amountMinor, state }) => `${id} ${amountMinor} ${state}`);
    assert.deepEqual([refunds, await due()], [["o1/cancel 2000 DONE", "o1/cancel/2 598 DONE"], []]);
  });

  it("drops a refund for which nothing is left", async () => {
    await drive(capture);
    await cancel();
    answer = () => Promise.reject(new RefundRefusedError("too much"));
    returned = [{ key: "re_1", amountMinor: 2598 }];
    await drive(refund);
    assert.deepEqual([load().refunds.map(({ id }) => id), await due()], [["re_1"], []]);
  });

  it("puts off a refund that the provider refuses without a reason, and says so", async () => {
    await drive(capture);
    await cancel();
    answer = () => Promise.reject(new RefundRefusedError("too much"));
    await assert.rejects(drive(refund), /enough left/);
    assert.deepEqual(await due(), []);
  });
});
