import assert from "node:assert/strict";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { type BrokerStage, createMemoryStage } from "@quartet/chassis/testing/broker-stages";
import { startTestProcess } from "@quartet/chassis/testing/child-process";
import { eventually } from "@quartet/chassis/testing/eventually";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { PaymentRefundedSchema } from "@quartet/proto/shop/payment/v1/payment_events_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readPaymentConfig } from "./config.ts";
import { createService } from "./service.ts";
import { createMoneyTrail, type MoneyTrail } from "./testing/money-trail.ts";

const requestIds = [
  "11111111-1111-4111-8111-111111111111",
  "22222222-2222-4222-8222-222222222222",
  "33333333-3333-4333-8333-333333333333",
  "44444444-4444-4444-8444-444444444444",
] as const;

describe("the refunds of a running payment-svc", function () {
  this.timeout(60_000);

  const tokens = createTestTokens();
  let stage: BrokerStage;
  let home: ServiceHome<typeof PaymentService>;
  let neighbour: Neighbour;
  let service: RunningService<typeof PaymentService>;
  let trail: MoneyTrail;
  let headers: Record<string, string>;

  beforeEach(async () => {
    stage = await createMemoryStage();
    home = createServiceHome({
      name: "payment-svc",
      service: PaymentService,
      create: (environment, overrides) => createService(readPaymentConfig(environment), overrides),
      tokens,
    });
    headers = { authorization: `Bearer ${await tokens.sign({ userId: "root", role: "admin" })}` };
    neighbour = await startNeighbour(stage, "payment-svc");
    trail = createMoneyTrail({ dataDir: home.dataDir, neighbour });
    service = await home.start(stage);
  });
  afterEach(async () => {
    await home.remove();
    await neighbour.stop();
    await stage.stop();
  });

  const name = "payments/o1";
  const get = () => service.client.getPayment({ name }, { headers });
  /** Asks for a part of the money to go back, or for what is left of it. */
  const refund = (requestId: string, minorUnits?: bigint, on = service) => {
    const amount = minorUnits === undefined ? {} : { amount: { currency: "EUR", minorUnits } };
    return on.client.refundPayment({ name, requestId, ...amount }, { headers });
  };

  it("gives back what is left when the order is cancelled while a refund is under way", async () => {
    await trail.pay("o1", "tok_refund_delay_300");
    await trail.said("o1", 1);
    const { refunded, refundsPending } = await refund(requestIds[0], 1000n);
    assert.deepEqual([refunded?.minorUnits, refundsPending?.minorUnits], [0n, 1000n]);
    await trail.cancel("o1");
    assert.deepEqual(await trail.said("o1", 3), ["PaymentCaptured", "PaymentRefunded", "PaymentRefunded"]);
    assert.deepEqual(trail.provided("o1").sort(), ["CAPTURED 2598", "REFUNDED 1000", "REFUNDED 1598"]);
    assert.equal(neighbour.heardOf(PaymentRefundedSchema)[1]?.refunded?.minorUnits, 2598n);
  });

  it("refuses to give back once more what goes back because the order was cancelled", async () => {
    await trail.pay("o1", "tok_refund_delay_300");
    await trail.said("o1", 1);
    await trail.cancel("o1");
    await eventually("it goes back", async () => {
      const { refunded, refundsPending } = await get();
      return refunded?.minorUnits === 2598n || refundsPending?.minorUnits === 2598n;
    });
    await assert.rejects(
      refund(requestIds[0]),
      (error) => error instanceof ConnectError && errorInfoOf(error)?.reason === "REFUND_TOO_LARGE",
    );
    assert.deepEqual(await trail.said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
    assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 2598"]);
  });

  for (const [paymentToken, trouble] of [
    ["tok_refund_timeout", "the provider's answer never arrives"],
    ["tok_refund_lost", "the provider is not reached"],
    ["tok_refund_fail_2", "the provider fails twice"],
  ] as const) {
    it(`refunds once when ${trouble}`, async () => {
      await trail.pay("o1", paymentToken);
      await trail.said("o1", 1);
      await refund(requestIds[0], 1000n);
      await refund(requestIds[0], 1000n);
      assert.deepEqual(await trail.said("o1", 2), ["PaymentCaptured", "PaymentRefunded"]);
      assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 1000"]);
      assert.deepEqual(trail.booked("o1"), ["PROVIDER_RECEIVABLE 1598", "SALES -2598", "SALES_REFUNDS 1000"]);
    });
  }

  it("never gives back more than it captured when its successor runs beside it", async () => {
    const successor = await home.start(stage);
    await trail.pay("o1");
    await trail.said("o1", 1);
    const twice = requestIds.flatMap((requestId) => [refund(requestId, 1000n), refund(requestId, 1000n, successor)]);
    const results = await Promise.allSettled(twice);
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 4);
    assert.deepEqual(await trail.said("o1", 3), ["PaymentCaptured", "PaymentRefunded", "PaymentRefunded"]);
    assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 1000", "REFUNDED 1000"]);
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
    assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598"]);

    service = await home.start(stage);
    assert.deepEqual(await trail.said("o1", 1), ["PaymentRefunded"]);
    assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 1000"]);
  });

  it("refunds once when it was killed after the provider did it and before it was recorded", async () => {
    const killed = await refundInAnotherProcess();
    const database = new BetterSqlite3(join(home.dataDir, "payment-svc.sqlite"));
    // Nothing can be recorded from here on.
    database.exec("BEGIN IMMEDIATE");
    assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598"]);
    await eventually("the provider has done it", () => trail.provided("o1").length === 2);
    await killed.kill();
    database.exec("ROLLBACK");
    database.close();

    service = await home.start(stage);
    assert.deepEqual(await trail.said("o1", 1), ["PaymentRefunded"]);
    assert.deepEqual(trail.provided("o1"), ["CAPTURED 2598", "REFUNDED 1000"]);
    assert.deepEqual(trail.booked("o1"), ["PROVIDER_RECEIVABLE 1598", "SALES -2598", "SALES_REFUNDS 1000"]);
    assert.equal((await get()).refunded?.minorUnits, 1000n);
  });
});
