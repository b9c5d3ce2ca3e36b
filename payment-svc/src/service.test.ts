import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { type BrokerStage, createMemoryStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { startTestProcess } from "@quartet/chassis/testing/child-process";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertLeavesNothing } from "@quartet/chassis/testing/leaves-nothing";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { startRabbitMqEarly } from "@quartet/chassis/testing/rabbitmq";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import {
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@quartet/proto/shop/payment/v1/payment_events_pb";
import { Payment_State } from "@quartet/proto/shop/payment/v1/payment_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readPaymentConfig } from "./config.ts";
import { createService } from "./service.ts";
import { createMoneyTrail, type MoneyTrail } from "./testing/money-trail.ts";

function describeService(broker: string, createStage: () => Promise<BrokerStage>): void {
  describe(`payment-svc with ${broker}`, function () {
    // A first RabbitMQ takes its time to start.
    this.timeout(90_000);

    const tokens = createTestTokens();
    let stage: BrokerStage;
    let home: ServiceHome<typeof PaymentService>;
    let neighbour: Neighbour;
    let service: RunningService<typeof PaymentService>;
    let trail: MoneyTrail;
    let headers: Record<string, string>;

    beforeEach(async () => {
      stage = await createStage();
      home = createServiceHome({
        name: "payment-svc",
        service: PaymentService,
        create: (environment, overrides) => createService(readPaymentConfig(environment), overrides),
        tokens,
      });
      headers = { authorization: `Bearer ${await tokens.sign({ userId: "ada" })}` };
      neighbour = await startNeighbour(stage, "payment-svc");
      trail = createMoneyTrail({ dataDir: home.dataDir, neighbour });
      service = await home.start(stage);
    });
    afterEach(async () => {
      await home.remove();
      await neighbour.stop();
      await stage.stop();
    });

    const get = (id: string) => service.client.getPayment({ name: `payments/${id}` }, { headers });

    it("captures the money of an order, and shows it by gRPC and by Connect alike", async () => {
      await trail.pay("o1");
      assert.deepEqual(await trail.said("o1", 1), ["PaymentCaptured"]);
      assert.deepEqual(neighbour.heardOf(PaymentCapturedSchema)[0]?.amount?.minorUnits, 2598n);
      const payment = await get("o1");
      assert.deepEqual([payment.state, payment.refunded?.minorUnits], [Payment_State.CAPTURED, 0n]);
      const response = await service.post("GetPayment", { name: "payments/o1" }, headers);
      assert.equal(response.status, 200);
      const body = (await response.json()) as { state: string; etag: string };
      assert.deepEqual([body.state, body.etag], ["STATE_CAPTURED", payment.etag]);
    });

    it("shows a payment to nobody without a token, and a stranger what a missing one shows", async () => {
      await trail.pay("o1");
      await trail.said("o1", 1);
      assert.equal((await service.post("GetPayment", { name: "payments/o1" })).status, 401);
      const stranger = { authorization: `Bearer ${await tokens.sign({ userId: "eve" })}` };
      assert.equal((await service.post("GetPayment", { name: "payments/o1" }, stranger)).status, 404);
      await assert.rejects(
        service.client.getPayment({ name: "payments/o1" }, { headers: stranger }),
        (error) => error instanceof ConnectError && error.code === Code.NotFound,
      );
    });

    it("captures and refunds once, however often it is told", async () => {
      await trail.pay("o1", "tok_visa", 3);
      await trail.said("o1", 1);
      await trail.cancel("o1", 3);
      await trail.said("o1", 2);
      // Said after the repetitions: once it is answered, they have been dealt with.
      await trail.pay("o2");
      await trail.said("o2", 1);
      assert.deepEqual(await trail.said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 2598"]);
      assert.deepEqual(trail.booked("o1"), ["PROVIDER_RECEIVABLE 0", "SALES -2598", "SALES_REFUNDS 2598"]);
      assert.equal((await get("o1")).refunded?.minorUnits, 2598n);
    });

    it("tells why it was declined, and has nothing to give back when the order is cancelled", async () => {
      await trail.pay("o1", "tok_declined");
      assert.deepEqual(await trail.said("o1", 1), ["PaymentDeclined"]);
      assert.equal(neighbour.heardOf(PaymentDeclinedSchema)[0]?.declineCode, "card_declined");
      await trail.cancel("o1");
      await trail.cancel("o2");
      await trail.said("o2", 1);
      assert.deepEqual(await trail.said("o1", 1), ["PaymentDeclined"]);
      assert.deepEqual(trail.booked("o1"), []);
    });

    it("captures nothing for an order that was cancelled before", async () => {
      await trail.cancel("o1");
      assert.deepEqual(await trail.said("o1", 1), ["PaymentVoided"]);
      await trail.pay("o1");
      await trail.pay("o2");
      await trail.said("o2", 1);
      assert.deepEqual(await trail.said("o1", 1), ["PaymentVoided"]);
      assert.deepEqual(ordersOf(neighbour.heardOf(PaymentVoidedSchema)), ["orders/o1"]);
      assert.deepEqual(trail.provided("o1"), []);
      assert.equal((await get("o1")).state, Payment_State.VOIDED);
    });

    it("gives back what it was capturing when the order was cancelled", async () => {
      await trail.pay("o1", "tok_delay_300");
      await eventually("the provider is being asked", () => trail.calls().length);
      await trail.cancel("o1");
      assert.deepEqual(await trail.said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 2598"]);
    });

    it("gives back what it had captured when the order was cancelled", async () => {
      await trail.pay("o1");
      await trail.said("o1", 1);
      await trail.cancel("o1");
      assert.deepEqual(await trail.said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(neighbour.heardOf(PaymentRefundedSchema)[0]?.refunded?.minorUnits, 2598n);
    });

    for (const [paymentToken, trouble] of [
      ["tok_timeout", "the provider's answer never arrives"],
      ["tok_lost", "the provider is not reached"],
      ["tok_fail_2", "the provider fails twice"],
    ] as const) {
      it(`captures once when ${trouble}`, async () => {
        await trail.pay("o1", paymentToken);
        assert.deepEqual(await trail.said("o1", 1), ["PaymentCaptured"]);
        assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598"]);
        assert.deepEqual(trail.booked("o1"), ["PROVIDER_RECEIVABLE 2598", "SALES -2598"]);
      });
    }

    it("gives back on request, part by part, and the rest when the order is cancelled, and tells of each", async () => {
      const refund = async (minorUnits: bigint, requestId: string) => {
        const headers = { authorization: `Bearer ${await tokens.sign({ userId: "root", role: "admin" })}` };
        const amount = { currency: "EUR", minorUnits };
        await service.client.refundPayment({ name: "payments/o1", amount, requestId }, { headers });
      };
      await trail.pay("o1");
      await trail.said("o1", 1);
      await refund(1000n, "11111111-1111-4111-8111-111111111111");
      await trail.said("o1", 2);
      await refund(598n, "22222222-2222-4222-8222-222222222222");
      await trail.said("o1", 3);
      await trail.cancel("o1");
      assert.deepEqual(await trail.said("o1", 4), ["PaymentCaptured", ...Array(3).fill("PaymentRefunded")]);
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
      assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 1000", "REFUNDED 598", "REFUNDED 1000"]);
      assert.deepEqual(trail.booked("o1"), ["PROVIDER_RECEIVABLE 0", "SALES -2598", "SALES_REFUNDS 2598"]);
      const { refunded, refundsPending, state } = await get("o1");
      assert.deepEqual([refunded?.minorUnits, refundsPending?.minorUnits], [2598n, 0n]);
      assert.equal(state, Payment_State.CAPTURED);
    });

    it("goes on after a restart where it was, and tells what it could not tell", async () => {
      await trail.pay("o1");
      await trail.said("o1", 1);
      await trail.pay("o2", "tok_delay_200");
      await eventually("o2 is known", async () => (await listed()).length === 2);
      await stage.setUp(false);
      await eventually("o2 is captured", async () => (await get("o2")).state === Payment_State.CAPTURED);
      await service.stop();

      service = await home.start(stage);
      await stage.setUp(true);
      assert.deepEqual(await trail.said("o2", 1), ["PaymentCaptured"]);
      await trail.cancel("o1");
      assert.deepEqual(await trail.said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
    });

    it("does not wait for the provider when it stops, and finishes after a restart", async () => {
      await trail.pay("o1", "tok_fail_1");
      await trail.pay("o2", "tok_delay_60000");
      await eventually("the provider is asked", () => trail.calls().length === 2);
      const stopTime = performance.now();
      await service.stop();
      assert.ok(performance.now() - stopTime < 20_000, "it waited for the provider");
      service = await home.start(stage);
      assert.deepEqual(await trail.said("o1", 1), ["PaymentCaptured"]);
      assert.equal((await get("o2")).state, Payment_State.CAPTURING);
    });

    it("pays once while its successor runs beside it on the same file, and after it has gone", async () => {
      const successor = await home.start(stage);
      const early = ["o1", "o2", "o3", "o4", "o5", "o6"];
      for (const id of early) await trail.pay(id, "tok_visa", 2);
      for (const id of early) assert.deepEqual(await trail.said(id, 1), ["PaymentCaptured"]);
      await service.stop();
      service = successor;
      await trail.pay("o7");
      await trail.cancel("o1");
      assert.deepEqual(await trail.said("o7", 1), ["PaymentCaptured"]);
      assert.deepEqual(await trail.said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      for (const id of early.slice(1)) {
        assert.deepEqual(trail.provided(id), ["CAPTURED 2598"]);
        assert.deepEqual(await trail.said(id, 1), ["PaymentCaptured"]);
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
      assert.deepEqual(trail.provided("o1"), []);

      service = await home.start(stage);
      assert.deepEqual(await trail.said("o1", 1), ["PaymentCaptured"]);
      assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598"]);
    });

    it("serves without a broker from the start, and hears and tells all of it when there is one", async () => {
      await trail.pay("o1");
      await trail.said("o1", 1);
      await service.stop();
      await trail.pay("o2");
      await stage.setUp(false);
      service = await home.start(stage);
      assert.deepEqual(await listed(), ["payments/o1"]);
      assert.equal((await fetch(`${service.httpUrl}/readyz`)).status, 200);
      await stage.setUp(true);
      assert.deepEqual(await trail.said("o2", 1), ["PaymentCaptured"]);
      assert.deepEqual(await listed(), ["payments/o2", "payments/o1"]);
    });

    it("leaves nothing open when it stops", async () => {
      await service.stop();
      await assertLeavesNothing(home.dataDir, async () => {
        service = await home.start(stage);
        await trail.pay("o1");
        await trail.said("o1", 1);
        await service.stop();
      });
    });

    const listed = async () => (await service.client.listPayments({}, { headers })).payments.map(({ name }) => name);
    const ordersOf = (events: readonly { order: string }[]) => events.map(({ order }) => order);
  });
}

describeService("a broker in memory", createMemoryStage);
startRabbitMqEarly();
describeService("RabbitMQ", createRabbitMqStage);
