import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { checkModel, modelTimeMaxMs, type Reached } from "@quartet/chassis/testing/model-runs";
import { type Act, forgetting, inOneTurn, type Outcome, succeeds } from "@quartet/chassis/testing/model-turn";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { PaymentCapturedSchema, PaymentRefundedSchema } from "@quartet/proto/shop/payment/v1/payment_events_pb";
import fc from "fast-check";
import { describe, it } from "mocha";
import type { Money, PaymentState } from "../domain/payment.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createLedgerQueries } from "../storage/ledger-queries.ts";
import { createPaymentQueries } from "../storage/payment-queries.ts";
import { createPaymentStore } from "../storage/payment-store.ts";
import { aMessage } from "../testing/builders.ts";
import { createHandDriver, type Drive, type HandDriver } from "../testing/hand-driver.ts";
import { type Bank, createBank, type Fate } from "../testing/slow-provider.ts";
import { keyOf, type LedgerQueries, type PaymentQueries, type PaymentStore, type ProviderTask } from "./ports.ts";
import { createRefundPayment, type RefundPayment } from "./refund-payment.ts";
import { createSettlePayments, type SettlePayments } from "./settle-payments.ts";

/** The orders there can be: what they cost and how they are paid never changes. */
const orders: Readonly<Record<string, { readonly amount: Money; readonly paymentToken: string }>> = {
  o1: { amount: { currency: "EUR", minorUnits: 100 }, paymentToken: "tok_1" },
  o2: { amount: { currency: "USD", minorUnits: 70 }, paymentToken: "tok_2" },
  o3: { amount: { currency: "EUR", minorUnits: 50 }, paymentToken: "tok_declined_3" },
  o4: { amount: { currency: "EUR", minorUnits: 30 }, paymentToken: "tok_4" },
  // Placed before a restore, so that the provider may know more of it than is known here.
  o5: { amount: { currency: "EUR", minorUnits: 40 }, paymentToken: "tok_5" },
};
const [forgottenId, restoreTime] = ["o5", 1_000];
const placeTimeOf = (id: string) => (id === forgottenId ? restoreTime : restoreTime + 1);
const orderIds = Object.keys(orders);
const longestDelayMs = 30_000;
const forEverMs = Number.MAX_SAFE_INTEGER;

/** What must be true of a payment. */
interface Expected {
  /** Unknown where the order was cancelled before it was to be paid. */
  readonly amount: Money | undefined;
  state: PaymentState;
  wasAsked: boolean;
  isCancelled: boolean;
  /** The provider is not to capture any more, only to say whether it did. */
  isOnlyAsked?: boolean;
  readonly refunds: { readonly id: string; readonly minor: number; readonly hash: string; isBack: boolean }[];
  readonly told: string[];
}

interface Model {
  readonly payments: Map<string, Expected>;
  /** Messages and requests that were carried out and are remembered. */
  readonly messages: Set<string>;
  readonly requests: Map<string, string>;
}

interface Real {
  readonly database: Database;
  readonly payments: PaymentStore;
  readonly queries: PaymentQueries;
  readonly ledger: LedgerQueries;
  readonly settle: SettlePayments;
  readonly refund: RefundPayment;
  readonly driver: HandDriver;
  readonly bank: Bank;
  advance(milliseconds: number): void;
  /** When it is. */
  now(): number;
}

const leftOf = ({ amount, refunds }: Expected) =>
  refunds.reduce((left, { minor }) => left - minor, amount?.minorUnits ?? 0);
const backOf = ({ refunds }: Expected) => refunds.reduce((sum, { isBack, minor }) => sum + (isBack ? minor : 0), 0);

function returnWhatIsLeft(id: string, payment: Expected): void {
  const minor = leftOf(payment);
  if (minor > 0) payment.refunds.push({ id: `${id}/cancel`, minor, hash: "", isBack: false });
}

/** What becomes true when the provider says something about a task. */
function learn(model: Model, real: Real, task: ProviderTask): void {
  const payment = model.payments.get(task.paymentId) ?? assert.fail("nobody asked for this money");
  const { currency } = payment.amount ?? assert.fail("the provider was asked without an amount");
  if (task.kind === "refund") {
    const refund =
      payment.refunds.find(({ id }) => id === task.refundId) ?? assert.fail("nobody asked for this refund");
    refund.isBack = true;
    payment.told.push(`PaymentRefunded ${currency} ${refund.minor} of ${backOf(payment)}`);
    return;
  }
  const { isDeclined } = real.bank.operations.get(`capture/${task.paymentId}`) ?? assert.fail("it did nothing");
  payment.state = isDeclined ? "DECLINED" : "CAPTURED";
  payment.told.push(isDeclined ? "PaymentDeclined" : `PaymentCaptured ${currency} ${payment.amount?.minorUnits}`);
  if (!isDeclined && payment.isCancelled) returnWhatIsLeft(task.paymentId, payment);
}

function acts(reached: Reached): fc.Arbitrary<Act<Model, Real>> {
  const orderId = fc.constantFrom(...orderIds);
  /** The message that its sender sends, or now and then another one with the same news. */
  const sending = fc.record({ again: fc.nat({ max: 3 }).map((n) => (n === 3 ? 1 : 0)), redelivered: fc.boolean() });
  const once = (model: Model, messageId: string, effect: () => void): Outcome => {
    if (!model.messages.has(messageId)) effect();
    model.messages.add(messageId);
    return succeeds;
  };

  const open = fc.record({ id: orderId, sending }).map(({ id, sending: { again, redelivered } }) => {
    const message = { ...aMessage(`open ${id} ${again}`), redelivered };
    const order = orders[id] ?? assert.fail();
    return {
      name: message.id,
      on: (model: Model) => ({
        start: ({ settle }: Real) => settle.open({ id, userId: "ada", ...order }, message),
        expect: () =>
          once(model, message.id, () => {
            if (model.payments.has(id)) return;
            const { amount } = order;
            const fresh = { wasAsked: false, isCancelled: false, refunds: [], told: [] };
            model.payments.set(id, { amount, state: "CAPTURING", ...fresh });
          }),
      }),
    };
  });

  const cancelNow = (model: Model, id: string) => {
    const payment = model.payments.get(id);
    if (id === forgottenId && !payment?.wasAsked) {
      const { amount } = orders[id] ?? assert.fail();
      const asked = { state: "CAPTURING", wasAsked: true, isCancelled: true, isOnlyAsked: true } as const;
      if (payment?.isCancelled) return;
      model.payments.set(id, { amount, refunds: [], told: [], ...asked });
      reached(
        `${payment === undefined ? "cancelled before it was opened" : "cancelled while CAPTURING"}, after a restore`,
      );
      return;
    }
    if (payment === undefined) {
      const told = ["PaymentVoided"];
      const closed = { state: "VOIDED", wasAsked: false, isCancelled: true, refunds: [], told } as const;
      model.payments.set(id, { amount: undefined, ...closed, refunds: [] });
      reached("cancelled before it was opened");
      return;
    }
    if (payment.isCancelled || payment.state === "DECLINED" || payment.state === "VOIDED") return;
    payment.isCancelled = true;
    reached(`cancelled while ${payment.state}${payment.wasAsked ? " and asked" : ""}`);
    if (payment.state === "CAPTURED") returnWhatIsLeft(id, payment);
    else if (!payment.wasAsked) {
      payment.state = "VOIDED";
      payment.told.push("PaymentVoided");
    }
  };
  const cancel = fc.record({ id: orderId, sending }).map(({ id, sending: { again, redelivered } }) => {
    const message = { ...aMessage(`cancel ${id} ${again}`), redelivered };
    return {
      name: message.id,
      on: (model: Model) => ({
        start: ({ settle }: Real) =>
          settle.cancel({ id, userId: "ada", total: orders[id]?.amount, placeTime: placeTimeOf(id) }, message),
        expect: () => once(model, message.id, () => cancelNow(model, id)),
      }),
    };
  });

  // A request id mostly stands for one request, so that there are repetitions.
  const usual = fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7).map((n) => {
    const id = orderIds[n % orderIds.length] ?? assert.fail();
    const currency = orders[id]?.amount.currency ?? "";
    const minorUnits = [10, undefined, 20][n % 3];
    return { id, amount: minorUnits === undefined ? undefined : { currency, minorUnits }, requestId: `r${n}` };
  });
  const unusual = fc.record({
    id: orderId,
    amount: fc.option(
      fc.record({ currency: fc.constantFrom("EUR", "USD"), minorUnits: fc.integer({ min: 1, max: 101 }) }),
      {
        nil: undefined,
      },
    ),
    requestId: fc.nat({ max: 9 }).map((n) => `r${n}`),
  });
  const refund = fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: unusual }).map((asked) => {
    const { id, amount, requestId } = asked;
    const hash = JSON.stringify([id, amount]);
    const expected = (model: Model): Outcome => {
      const earlier = model.requests.get(requestId);
      const payment = model.payments.get(id);
      const known = payment?.refunds.find((other) => other.id === `${id}/${requestId}`);
      if ((earlier ?? known?.hash ?? hash) !== hash) return { refused: "REQUEST_ID_REUSED" };
      if (earlier !== undefined || known !== undefined) {
        model.requests.set(requestId, hash);
        reached(earlier === undefined ? "refund repeated after it was forgotten" : "refund repeated");
        return succeeds;
      }
      if (payment === undefined) return { refused: "PAYMENT_NOT_FOUND" };
      if (payment.state !== "CAPTURED") return { refused: "PAYMENT_NOT_CAPTURED" };
      if (amount !== undefined && amount.currency !== payment.amount?.currency) return { refused: "CURRENCY_MISMATCH" };
      const left = leftOf(payment);
      const minor = amount?.minorUnits ?? left;
      if (minor > left || left === 0) return { refused: "REFUND_TOO_LARGE" };
      payment.refunds.push({ id: `${id}/${requestId}`, minor, hash, isBack: false });
      model.requests.set(requestId, hash);
      reached(amount === undefined ? "refund of all" : "refund of a part");
      return succeeds;
    };
    return {
      name: `refund ${amount === undefined ? "all" : `${amount.minorUnits} ${amount.currency}`} of ${id} as ${requestId}`,
      on: (model: Model) => ({
        start: ({ refund: run }: Real) =>
          run({ paymentId: id, amount, reason: "" }, { caller: "users/root", method: "R", requestId, hash }),
        expect: () => expected(model),
      }),
    };
  });

  const forget = forgetting<Model, Real>(["inbox", "request_claims"], ({ messages, requests }) => {
    messages.clear();
    requests.clear();
  });

  return fc.oneof(
    { weight: 8, arbitrary: open },
    { weight: 4, arbitrary: cancel },
    { weight: 12, arbitrary: refund },
    { weight: 5, arbitrary: forget },
  );
}

async function dueTasks(real: Real, time: number): Promise<readonly ProviderTask[]> {
  const underWay = real.driver.drives.map(({ task }) => keyOf(task));
  return real.payments.due(time, 100, underWay);
}

async function begin(model: Model, real: Real, task: ProviderTask): Promise<void> {
  if (task.kind === "capture") {
    const payment = model.payments.get(task.paymentId) ?? assert.fail("the driver works on nothing");
    payment.wasAsked = true;
  }
  const drive = await real.driver.begin(task);
  assert.ok(drive.call !== undefined, "nothing was asked of the provider");
}

async function go(model: Model, real: Real, drive: Drive, fate: Fate): Promise<void> {
  const { kind } = drive.call ?? assert.fail("nothing was asked of the provider");
  const isFound = real.bank.operations.has(`${drive.task.kind}/${keyOf(drive.task)}`);
  const payment = model.payments.get(drive.task.paymentId) ?? assert.fail("nobody asked for this money");
  await real.driver.go(drive, fate);
  if (fate === "answered" && (!kind.startsWith("find") || isFound)) learn(model, real, drive.task);
  else if (fate === "answered" && kind === "findCapture" && payment.isOnlyAsked) {
    payment.state = "VOIDED";
    payment.told.push("PaymentVoided");
  }
  if (fate === "broken") assert.match(String(drive.failure), /nonsense/);
  else assert.equal(drive.failure, undefined);
}

/** What the driver and the provider do, one step at a time: messages and requests come in between. */
function steps(reached: Reached): fc.Arbitrary<fc.AsyncCommand<Model, Real, true>>[] {
  const command = (
    name: string,
    isPossible: (real: Real) => boolean,
    run: (model: Model, real: Real) => Promise<void>,
  ): fc.AsyncCommand<Model, Real, true> => ({
    check: async () => true,
    toString: () => name,
    async run(model, real) {
      if (!isPossible(real)) return;
      await run(model, real);
      await check(model, real);
    },
  });
  const pick = fc.nat({ max: 9 });
  const begins = fc.record({ waitMs: fc.constantFrom(0, 200, 1_000, longestDelayMs), pick }).map((input) =>
    command(
      `begin ${input.pick} after ${input.waitMs} ms`,
      () => true,
      async (model, real) => {
        real.advance(input.waitMs);
        const tasks = await dueTasks(real, real.now());
        const task = tasks[input.pick % tasks.length];
        if (task !== undefined && real.driver.drives.length < 3) await begin(model, real, task);
      },
    ),
  );
  const fates = fc.constantFrom<Fate>("answered", "answered", "answered", "answered", "unanswered", "lost", "broken");
  const goes = fc.record({ pick, fate: fates }).map((input) =>
    command(
      `call ${input.pick} is ${input.fate}`,
      ({ driver }) => driver.drives.length > 0,
      async (model, real) => {
        const { drives } = real.driver;
        const drive = drives[input.pick % drives.length] ?? assert.fail();
        const { kind } = drive.call ?? assert.fail();
        reached(`${kind} ${input.fate}`);
        await go(model, real, drive, input.fate);
      },
    ),
  );
  const crash = command(
    "crash",
    ({ driver }) => driver.drives.length > 0,
    async (_model, { driver }) => {
      reached("crash");
      driver.crash();
    },
  );
  const arrive = command(
    "a call arrives late",
    ({ driver }) => driver.inTransit.length > 0,
    async (_model, { driver }) => {
      reached("late call");
      driver.arrive();
    },
  );
  // In the time that the restore turned back.
  const forget = command(
    "the provider captures what nobody here will remember",
    ({ bank }) => !bank.operations.has(`capture/${forgottenId}`),
    async (model, { bank }) => {
      const { amount, paymentToken } = orders[forgottenId] ?? assert.fail();
      if (model.payments.has(forgottenId)) return;
      bank.capture(`capture/${forgottenId}`, amount, paymentToken);
      reached("captured before a restore");
    },
  );
  return [begins, begins, goes, goes, fc.constantFrom(crash, arrive, forget)];
}

async function open() {
  const database = await openTestDatabase({ migrations: [migrations] });
  const clock = fixedClock();
  const { now } = clock;
  const newId = sequentialIds();
  const unitOfWork = createUnitOfWork({ database, now });
  const payments = createPaymentStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }), now });
  const bank = createBank();
  const onWork = () => {};
  const real: Real = {
    database,
    payments,
    queries: createPaymentQueries({ database }),
    ledger: createLedgerQueries({ database }),
    settle: createSettlePayments({ payments, now, onWork, restoreTime }),
    refund: createRefundPayment({ payments, now, onWork }),
    driver: createHandDriver({ payments, bank, now }),
    bank,
    ...clock,
  };
  const model: Model = { payments: new Map(), messages: new Set(), requests: new Map() };
  // One order is paid already, or there would be little to refund.
  const [id, order] = Object.entries(orders)[0] ?? assert.fail();
  await real.settle.open({ id, userId: "ada", ...order }, aMessage("open before"));
  const { amount } = order;
  model.payments.set(id, { amount, state: "CAPTURING", wasAsked: false, isCancelled: false, refunds: [], told: [] });
  await begin(model, real, { kind: "capture", paymentId: id });
  await go(model, real, real.driver.drives[0] ?? assert.fail(), "answered");
  return { model, real, close: () => database.close() };
}

async function check(model: Model, real: Real): Promise<void> {
  for (const [id, expected] of model.payments) {
    const payment = (await real.queries.get(id)) ?? assert.fail(`${id} is gone`);
    const { state, amount, isCancelRequested, paymentToken } = payment;
    const refunds = payment.refunds.map((refund) => `${refund.id} ${refund.amountMinor} ${refund.state}`);
    assert.deepEqual(
      { state, amount, hasToken: paymentToken !== undefined, refunds, isCancelRequested },
      {
        state: expected.state,
        amount: expected.amount,
        hasToken: expected.state === "CAPTURING",
        refunds: expected.refunds.map(({ id, minor, isBack }) => `${id} ${minor} ${isBack ? "DONE" : "REQUESTED"}`),
        isCancelRequested: expected.isCancelled,
      },
      id,
    );
  }
  assert.deepEqual(
    (await real.payments.due(forEverMs, 100)).map(keyOf).sort(),
    [...model.payments]
      .flatMap(([id, { state, refunds }]) => [
        ...(state === "CAPTURING" ? [id] : []),
        ...refunds.flatMap((refund) => (refund.isBack ? [] : [refund.id])),
      ])
      .sort(),
    "what the provider has still to be asked for",
  );
  assert.deepEqual(await balancesOf(real), expectedBalances(model));
  for (const [id, { told }] of model.payments) assert.deepEqual(toldOf(real, id), told, `events of ${id}`);
  const captured = [...real.bank.operations.values()].filter(({ kind }) => kind === "capture").map(({ of }) => of);
  assert.equal(new Set(captured).size, captured.length, "no order is paid twice");
}

const balancesOf = async (real: Real) =>
  (await real.ledger.balances({ after: undefined, limit: 100 })).map(
    ({ currency, account, debitMinor, creditMinor }) => `${currency} ${account} ${debitMinor} ${creditMinor}`,
  );

/** What came is owed by the provider until it went back. */
function expectedBalances(model: Model): string[] {
  return ["EUR", "USD"].flatMap((currency) => {
    const captured = [...model.payments.values()].filter(
      ({ amount, state }) => amount?.currency === currency && state === "CAPTURED",
    );
    const came = captured.reduce((sum, { amount }) => sum + (amount?.minorUnits ?? 0), 0);
    const back = captured.reduce((sum, payment) => sum + backOf(payment), 0);
    if (came === 0) return [];
    return [
      `${currency} PROVIDER_RECEIVABLE ${came} ${back}`,
      `${currency} SALES 0 ${came}`,
      ...(back > 0 ? [`${currency} SALES_REFUNDS ${back} 0`] : []),
    ];
  });
}

function toldOf({ database }: Real, id: string): string[] {
  const rows = database.sqlite
    .prepare<[string], { type: string; version: number; payload: Buffer }>(
      "SELECT type, version, payload FROM outbox WHERE aggregate = ? ORDER BY seq",
    )
    .all(`payments/${id}`);
  const versions = rows.map(({ version }) => version);
  assert.ok(
    versions.every((version, index) => index === 0 || version > (versions[index - 1] ?? 0)),
    `versions ${versions}`,
  );
  return rows.map(({ type, payload }) => {
    const name = type.split(".").at(-1) ?? "";
    if (name === "PaymentCaptured") {
      const { amount } = fromBinary(PaymentCapturedSchema, payload);
      return `${name} ${amount?.currency} ${amount?.minorUnits}`;
    }
    if (name !== "PaymentRefunded") return name;
    const { amount, refunded } = fromBinary(PaymentRefundedSchema, payload);
    return `${name} ${amount?.currency} ${amount?.minorUnits} of ${refunded?.minorUnits}`;
  });
}

/** The process dies once more, all that is on its way arrives, and the next one does what is left with a good provider. */
async function atRest(model: Model, real: Real): Promise<void> {
  real.driver.crash();
  while (real.driver.inTransit.length > 0) real.driver.arrive();
  for (let rounds = 0; rounds < 5; rounds++) {
    real.advance(longestDelayMs);
    for (const task of await dueTasks(real, real.now())) {
      await begin(model, real, task);
      for (let calls = 0; calls < 2; calls++) {
        const [drive] = real.driver.drives;
        if (drive !== undefined) await go(model, real, drive, "answered");
      }
    }
    await check(model, real);
  }
  assert.deepEqual(await real.payments.due(forEverMs, 100), [], "nothing is left to do");
  for (const [id, { state, isCancelled, ...expected }] of model.payments) {
    const operations = [...real.bank.operations];
    const sum = (wanted: (key: string, kind: string) => boolean) =>
      operations.reduce((total, [key, { kind, money, isDeclined }]) => {
        return total + (!isDeclined && wanted(key, kind) ? money.minorUnits : 0);
      }, 0);
    const [came, back] = [sum((key) => key === `capture/${id}`), sum((key) => key.startsWith(`refund/${id}/`))];
    assert.deepEqual(
      [came, back],
      [state === "CAPTURED" ? expected.amount?.minorUnits : 0, backOf({ state, isCancelled, ...expected })],
    );
    assert.ok(!isCancelled || came === back, `${id} was cancelled, and ${came - back} of it was kept`);
  }
}

describe("payments and their ledger, against a model of them", function () {
  this.timeout(modelTimeMaxMs());

  it("are what the model says, whatever comes while the provider is asked, and whenever the process dies", async () => {
    await checkModel((reached) => ({
      file: "payment-svc/src/app/payments.model.test.ts",
      commands: [inOneTurn(acts(reached), check), inOneTurn(acts(reached), check), ...steps(reached)],
      open,
      atRest,
      wanted: [
        ...["capture answered", "capture unanswered", "capture lost", "capture broken"],
        ...["refund answered", "refund unanswered", "refund lost", "findCapture answered", "findRefund answered"],
        ...["cancelled before it was opened", "cancelled while CAPTURING", "cancelled while CAPTURING and asked"],
        ...["cancelled while CAPTURED and asked", "refund of all", "refund of a part", "refund repeated"],
        ...["refund repeated after it was forgotten", "crash", "late call", "captured before a restore"],
        "cancelled before it was opened, after a restore",
      ],
    }));
  });
});
