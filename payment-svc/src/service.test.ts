import assert from "node:assert/strict";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { type BrokerStage, createMemoryStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { startTestProcess } from "@quartet/chassis/testing/child-process";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertLeavesNothing } from "@quartet/chassis/testing/leaves-nothing";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { OrderCancelledSchema, OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";
import {
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@quartet/proto/shop/payment/v1/payment_events_pb";
import { Payment_State } from "@quartet/proto/shop/payment/v1/payment_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readPaymentConfig } from "./config.ts";
import { createService } from "./service.ts";

const total = { currency: "EUR", minorUnits: 2598n };
const requestIds = [
  "11111111-1111-4111-8111-111111111111",
  "22222222-2222-4222-8222-222222222222",
  "33333333-3333-4333-8333-333333333333",
  "44444444-4444-4444-8444-444444444444",
] as const;

function describeService(broker: string, createStage: () => Promise<BrokerStage>): void {
  describe(`payment-svc with ${broker}`, function () {
    // A first RabbitMQ takes its time to start.
    this.timeout(90_000);

    const tokens = createTestTokens();
    let stage: BrokerStage;
    let home: ServiceHome<typeof PaymentService>;
    let neighbour: Neighbour;
    let service: RunningService<typeof PaymentService>;
    let headers: Record<string, string>;
    let admin: Record<string, string>;

    beforeEach(async () => {
      stage = await createStage();
      home = createServiceHome({
        name: "payment-svc",
        service: PaymentService,
        create: (environment, overrides) => createService(readPaymentConfig(environment), overrides),
        tokens,
      });
      headers = { authorization: `Bearer ${await tokens.sign({ userId: "ada" })}` };
      admin = { authorization: `Bearer ${await tokens.sign({ userId: "root", role: "admin" })}` };
      neighbour = await startNeighbour(stage, "payment-svc");
      service = await home.start(stage);
    });
    afterEach(async () => {
      await home.remove();
      await neighbour.stop();
      await stage.stop();
    });

    const pay = (id: string, paymentToken = "tok_visa", times = 1) =>
      neighbour.say(
        OrderReadyForPaymentSchema,
        { order: `orders/${id}`, user: "users/ada", amount: total, paymentToken },
        { times },
      );
    const cancel = (id: string, times = 1) =>
      neighbour.say(OrderCancelledSchema, { order: `orders/${id}`, user: "users/ada" }, { times });
    /** Asks for a part of the money of an order to go back, or for what is left of it. */
    const refund = (id: string, requestId: string, minorUnits?: bigint, on = service) =>
      on.client.refundPayment(
        { name: `payments/${id}`, requestId, ...(minorUnits && { amount: { currency: "EUR", minorUnits } }) },
        { headers: admin },
      );
    const get = (id: string) => service.client.getPayment({ name: `payments/${id}` }, { headers });
    /** The names of the events about an order, in their order, once there are as many. */
    const said = async (id: string, count: number) => {
      const aboutIt = () => neighbour.heard.filter(({ aggregate }) => aggregate === `payments/${id}`);
      await eventually(`${count} event(s) about ${id}`, () => aboutIt().length >= count);
      return aboutIt().map(({ type }) => type.split(".").at(-1));
    };
    /** Opens a file of the service, reads and closes it. */
    const read = (file: string, query: string) => {
      const database = new BetterSqlite3(join(home.dataDir, file));
      try {
        return database.prepare<[], Record<string, unknown>>(query).all();
      } finally {
        database.close();
      }
    };
    /** What the provider did for an order, by its own record. */
    const provided = (id: string) =>
      read("test-provider.sqlite", "SELECT key, status, amount_minor FROM operations ORDER BY rowid")
        .filter(({ key }) => String(key).includes(`/${id}`))
        .map(({ status, amount_minor }) => `${status} ${amount_minor}`);
    /** Debits and credits of an order, account by account. */
    const booked = (id: string) =>
      read(
        "payment-svc.sqlite",
        `SELECT account, sum(debit_minor) - sum(credit_minor) AS balance FROM ledger_entries
         WHERE payment_id = '${id}' GROUP BY account ORDER BY account`,
      ).map(({ account, balance }) => `${account} ${balance}`);

    it("captures the money of an order, and shows it by gRPC and by Connect alike", async () => {
      await pay("o1");
      assert.deepEqual(await said("o1", 1), ["PaymentCaptured"]);
      assert.deepEqual(neighbour.heardOf(PaymentCapturedSchema)[0]?.amount?.minorUnits, 2598n);
      const payment = await get("o1");
      assert.deepEqual([payment.state, payment.refunded?.minorUnits], [Payment_State.CAPTURED, 0n]);
      const response = await service.post("GetPayment", { name: "payments/o1" }, headers);
      assert.equal(response.status, 200);
      const body = (await response.json()) as { state: string; etag: string };
      assert.deepEqual([body.state, body.etag], ["STATE_CAPTURED", payment.etag]);
    });

    it("shows a payment to nobody without a token, and a stranger what a missing one shows", async () => {
      await pay("o1");
      await said("o1", 1);
      assert.equal((await service.post("GetPayment", { name: "payments/o1" })).status, 401);
      const stranger = { authorization: `Bearer ${await tokens.sign({ userId: "eve" })}` };
      assert.equal((await service.post("GetPayment", { name: "payments/o1" }, stranger)).status, 404);
      await assert.rejects(
        service.client.getPayment({ name: "payments/o1" }, { headers: stranger }),
        (error) => error instanceof ConnectError && error.code === Code.NotFound,
      );
    });

    it("captures and refunds once, however often it is told", async () => {
      await pay("o1", "tok_visa", 3);
      await said("o1", 1);
      await cancel("o1", 3);
      await said("o1", 2);
      // Said after the repetitions: once it is answered, they have been dealt with.
      await pay("o2");
      await said("o2", 1);
      assert.deepEqual(await said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 2598"]);
      assert.deepEqual(booked("o1"), ["PROVIDER_RECEIVABLE 0", "SALES -2598", "SALES_REFUNDS 2598"]);
      assert.equal((await get("o1")).refunded?.minorUnits, 2598n);
    });

    it("tells why it was declined, and has nothing to give back when the order is cancelled", async () => {
      await pay("o1", "tok_declined");
      assert.deepEqual(await said("o1", 1), ["PaymentDeclined"]);
      assert.equal(neighbour.heardOf(PaymentDeclinedSchema)[0]?.declineCode, "card_declined");
      await cancel("o1");
      await cancel("o2");
      await said("o2", 1);
      assert.deepEqual(await said("o1", 1), ["PaymentDeclined"]);
      assert.deepEqual(booked("o1"), []);
    });

    it("captures nothing for an order that was cancelled before", async () => {
      await cancel("o1");
      assert.deepEqual(await said("o1", 1), ["PaymentVoided"]);
      await pay("o1");
      await pay("o2");
      await said("o2", 1);
      assert.deepEqual(await said("o1", 1), ["PaymentVoided"]);
      assert.deepEqual(ordersOf(neighbour.heardOf(PaymentVoidedSchema)), ["orders/o1"]);
      assert.deepEqual(provided("o1"), []);
      assert.equal((await get("o1")).state, Payment_State.VOIDED);
    });

    it("gives back what it was capturing when the order was cancelled", async () => {
      await pay("o1", "tok_delay_300");
      await eventually("the provider is being asked", () => read("test-provider.sqlite", "SELECT * FROM calls").length);
      await cancel("o1");
      assert.deepEqual(await said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 2598"]);
    });

    it("gives back what it had captured when the order was cancelled", async () => {
      await pay("o1");
      await said("o1", 1);
      await cancel("o1");
      assert.deepEqual(await said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(neighbour.heardOf(PaymentRefundedSchema)[0]?.refunded?.minorUnits, 2598n);
    });

    for (const [paymentToken, trouble] of [
      ["tok_timeout", "the provider's answer never arrives"],
      ["tok_lost", "the provider is not reached"],
      ["tok_fail_2", "the provider fails twice"],
    ] as const) {
      it(`captures once when ${trouble}`, async () => {
        await pay("o1", paymentToken);
        assert.deepEqual(await said("o1", 1), ["PaymentCaptured"]);
        assert.deepEqual(provided("o1"), ["CAPTURED 2598"]);
        assert.deepEqual(booked("o1"), ["PROVIDER_RECEIVABLE 2598", "SALES -2598"]);
      });
    }

    it("gives back on request, part by part, and the rest when the order is cancelled, and tells of each", async () => {
      await pay("o1");
      await said("o1", 1);
      await refund("o1", requestIds[0], 1000n);
      await said("o1", 2);
      await refund("o1", requestIds[1], 598n);
      await said("o1", 3);
      await cancel("o1");
      assert.deepEqual(await said("o1", 4), ["PaymentCaptured", ...Array(3).fill("PaymentRefunded")]);
      const events = neighbour.heardOf(PaymentRefundedSchema);
      assert.deepEqual(
        events.map(({ amount, refunded }) => [amount?.minorUnits, refunded?.minorUnits]),
        [
          [1000n, 1000n],
          [598n, 1598n],
          [1000n, 2598n],
        ],
      );
      const versions = events.map(({ version }) => Number(version));
      assert.deepEqual(
        versions,
        [...new Set(versions)].sort((one, other) => one - other),
      );
      assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 1000", "REFUNDED 598", "REFUNDED 1000"]);
      assert.deepEqual(booked("o1"), ["PROVIDER_RECEIVABLE 0", "SALES -2598", "SALES_REFUNDS 2598"]);
      const { refunded, refundsPending, state } = await get("o1");
      assert.deepEqual([refunded?.minorUnits, refundsPending?.minorUnits], [2598n, 0n]);
      assert.equal(state, Payment_State.CAPTURED);
    });

    it("gives back what is left when the order is cancelled while a refund is under way", async () => {
      await pay("o1", "tok_refund_delay_300");
      await said("o1", 1);
      const { refunded, refundsPending } = await refund("o1", requestIds[0], 1000n);
      assert.deepEqual([refunded?.minorUnits, refundsPending?.minorUnits], [0n, 1000n]);
      await cancel("o1");
      assert.deepEqual(await said("o1", 3), ["PaymentCaptured", "PaymentRefunded", "PaymentRefunded"]);
      assert.deepEqual(provided("o1").sort(), ["CAPTURED 2598", "REFUNDED 1000", "REFUNDED 1598"]);
      assert.equal(neighbour.heardOf(PaymentRefundedSchema)[1]?.refunded?.minorUnits, 2598n);
    });

    it("refuses to give back once more what goes back because the order was cancelled", async () => {
      await pay("o1", "tok_refund_delay_300");
      await said("o1", 1);
      await cancel("o1");
      await eventually("it goes back", async () => (await get("o1")).refundsPending?.minorUnits === 2598n);
      await assert.rejects(
        refund("o1", requestIds[0]),
        (error) => error instanceof ConnectError && errorInfoOf(error)?.reason === "REFUND_TOO_LARGE",
      );
      assert.deepEqual(await said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 2598"]);
    });

    for (const [paymentToken, trouble] of [
      ["tok_refund_timeout", "the provider's answer never arrives"],
      ["tok_refund_lost", "the provider is not reached"],
      ["tok_refund_fail_2", "the provider fails twice"],
    ] as const) {
      it(`refunds once when ${trouble}`, async () => {
        await pay("o1", paymentToken);
        await said("o1", 1);
        await refund("o1", requestIds[0], 1000n);
        await refund("o1", requestIds[0], 1000n);
        assert.deepEqual(await said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
        assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 1000"]);
        assert.deepEqual(booked("o1"), ["PROVIDER_RECEIVABLE 1598", "SALES -2598", "SALES_REFUNDS 1000"]);
      });
    }

    it("never gives back more than it captured when its successor runs beside it", async () => {
      const successor = await home.start(stage);
      await pay("o1");
      await said("o1", 1);
      const twice = requestIds.flatMap((requestId) => [
        refund("o1", requestId, 1000n),
        refund("o1", requestId, 1000n, successor),
      ]);
      const results = await Promise.allSettled(twice);
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 4);
      assert.deepEqual(await said("o1", 3), ["PaymentCaptured", "PaymentRefunded", "PaymentRefunded"]);
      assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 1000", "REFUNDED 1000"]);
    });

    /** A process of the service that has asked the provider to refund, which takes it 1.5 s. */
    const refundInAnotherProcess = async () => {
      await service.stop();
      const child = startTestProcess(new URL("service.test-child.ts", import.meta.url), [
        home.dataDir,
        "o1",
        "tok_refund_delay_1500",
        requestIds[0],
      ]);
      await child.nextLine();
      return child;
    };

    it("refunds once when it was killed before the provider did anything", async () => {
      const killed = await refundInAnotherProcess();
      await killed.kill();
      assert.deepEqual(provided("o1"), ["CAPTURED 2598"]);

      service = await home.start(stage);
      assert.equal((await get("o1")).refundsPending?.minorUnits, 1000n);
      assert.deepEqual(await said("o1", 1), ["PaymentRefunded"]);
      assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 1000"]);
    });

    it("refunds once when it was killed after the provider did it and before it was recorded", async () => {
      const killed = await refundInAnotherProcess();
      const database = new BetterSqlite3(join(home.dataDir, "payment-svc.sqlite"));
      // Nothing can be recorded from here on.
      database.exec("BEGIN IMMEDIATE");
      assert.deepEqual(provided("o1"), ["CAPTURED 2598"]);
      await eventually("the provider has done it", () => provided("o1").length === 2);
      await killed.kill();
      database.exec("ROLLBACK");
      database.close();

      service = await home.start(stage);
      assert.deepEqual(await said("o1", 1), ["PaymentRefunded"]);
      assert.deepEqual(provided("o1"), ["CAPTURED 2598", "REFUNDED 1000"]);
      assert.deepEqual(booked("o1"), ["PROVIDER_RECEIVABLE 1598", "SALES -2598", "SALES_REFUNDS 1000"]);
      assert.equal((await get("o1")).refunded?.minorUnits, 1000n);
    });

    it("goes on after a restart where it was, and tells what it could not tell", async () => {
      await pay("o1");
      await said("o1", 1);
      await pay("o2", "tok_delay_200");
      await eventually("o2 is known", async () => (await listed()).length === 2);
      await stage.setUp(false);
      await eventually("o2 is captured", async () => (await get("o2")).state === Payment_State.CAPTURED);
      await service.stop();

      service = await home.start(stage);
      await stage.setUp(true);
      assert.deepEqual(await said("o2", 1), ["PaymentCaptured"]);
      await cancel("o1");
      assert.deepEqual(await said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
    });

    it("does not wait for the provider when it stops, and finishes after a restart", async () => {
      await pay("o1", "tok_fail_1");
      await pay("o2", "tok_delay_60000");
      await eventually("the provider is asked", () => read("test-provider.sqlite", "SELECT * FROM calls").length === 2);
      const stopTime = performance.now();
      await service.stop();
      assert.ok(performance.now() - stopTime < 20_000, "it waited for the provider");
      service = await home.start(stage);
      assert.deepEqual(await said("o1", 1), ["PaymentCaptured"]);
      assert.equal((await get("o2")).state, Payment_State.CAPTURING);
    });

    it("pays once while its successor runs beside it on the same file, and after it has gone", async () => {
      const successor = await home.start(stage);
      const early = ["o1", "o2", "o3", "o4", "o5", "o6"];
      for (const id of early) await pay(id, "tok_visa", 2);
      for (const id of early) assert.deepEqual(await said(id, 1), ["PaymentCaptured"]);
      await service.stop();
      service = successor;
      await pay("o7");
      await cancel("o1");
      assert.deepEqual(await said("o7", 1), ["PaymentCaptured"]);
      assert.deepEqual(await said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      for (const id of early.slice(1)) {
        assert.deepEqual(provided(id), ["CAPTURED 2598"]);
        assert.deepEqual(await said(id, 1), ["PaymentCaptured"]);
      }
    });

    it("finishes what it was doing when it was killed", async () => {
      await service.stop();
      const killed = startTestProcess(new URL("service.test-child.ts", import.meta.url), [
        home.dataDir,
        "o1",
        "tok_delay_1500",
      ]);
      await killed.nextLine();
      await killed.kill();
      assert.deepEqual(provided("o1"), []);

      service = await home.start(stage);
      assert.deepEqual(await said("o1", 1), ["PaymentCaptured"]);
      assert.deepEqual(provided("o1"), ["CAPTURED 2598"]);
    });

    it("serves without a broker from the start, and hears and tells all of it when there is one", async () => {
      await pay("o1");
      await said("o1", 1);
      await service.stop();
      await pay("o2");
      await stage.setUp(false);
      service = await home.start(stage);
      assert.deepEqual(await listed(), ["payments/o1"]);
      assert.equal((await fetch(`${service.httpUrl}/readyz`)).status, 200);
      await stage.setUp(true);
      assert.deepEqual(await said("o2", 1), ["PaymentCaptured"]);
      assert.deepEqual(await listed(), ["payments/o2", "payments/o1"]);
    });

    it("leaves nothing open when it stops", async () => {
      await service.stop();
      await assertLeavesNothing(home.dataDir, async () => {
        service = await home.start(stage);
        await pay("o1");
        await said("o1", 1);
        await service.stop();
      });
    });

    const listed = async () => (await service.client.listPayments({}, { headers })).payments.map(({ name }) => name);
    const ordersOf = (events: readonly { order: string }[]) => events.map(({ order }) => order);
  });
}

describeService("a broker in memory", createMemoryStage);
describeService("RabbitMQ", createRabbitMqStage);
