import assert from "node:assert/strict";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { createGrpcTransport, type GrpcTransport } from "@quartet/chassis/rpc/client/grpc-transport";
import { eventually } from "@quartet/chassis/testing/eventually";
import { newTrace } from "@quartet/chassis/trace";
import { runInContext } from "@quartet/chassis/work-context";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { type RunningShop, type StartedService, startShop, stockShop } from "../access/running-shop.ts";
import { type Refusals, type SpiedProductService, startSpiedProductService } from "./spied-product-service.ts";

const trace = newTrace();

describe("the call from order-svc to product-svc", () => {
  let shop: RunningShop;
  let transport: GrpcTransport | undefined;
  let orders: Client<typeof OrderService>;
  let headers: Record<string, string>;

  beforeEach(async () => {
    shop = await startShop();
    headers = await shop.authorizationOf(newId());
  });
  afterEach(async () => {
    transport?.close();
    await shop.stop();
  });

  /** An order-svc that asks for every price, and has these instances of product-svc to ask. */
  const useInstances = async (ports: readonly number[]) => {
    const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;
    const { rpcPort } = await shop.startTwin("order-svc", { PRODUCT_SVC_TARGET: target, PRICE_MAX_AGE_MS: "0" });
    transport = createGrpcTransport({ target: `127.0.0.1:${rpcPort}`, services: [OrderService] });
    orders = createClient(OrderService, transport);
  };

  /** Whether an order of something nobody knows the price of is taken: only product-svc can tell. */
  const order = async (product = `products/${newId()}`, timeoutMs?: number): Promise<boolean> => {
    try {
      const lines = [{ product, quantity: 1 }];
      const request = { lines, paymentToken: "tok_visa" };
      await runInContext({ trace }, () => orders.createOrder(request, { headers, timeoutMs }));
      return true;
    } catch (error) {
      // The time that product-svc has may pass on a busy machine; every other answer is a defect.
      const { code } = ConnectError.from(error);
      if (code === Code.Unavailable || code === Code.DeadlineExceeded) return false;
      throw error;
    }
  };

  describe("to two instances", () => {
    const refusals: Refusals = { left: 0 };
    let instances: readonly [SpiedProductService, SpiedProductService];
    const allCalls = () => instances.flatMap(({ calls }) => calls);
    const forget = () => {
      for (const { calls } of instances) calls.length = 0;
    };

    beforeEach(async () => {
      refusals.left = 0;
      instances = [await startSpiedProductService(refusals), await startSpiedProductService(refusals)];
      await useInstances(instances.map(({ port }) => port));
      await eventually("both are connected", async () => {
        await order();
        return instances.every(({ calls }) => calls.length > 0);
      });
      forget();
    });
    afterEach(async () => {
      for (const instance of instances) await instance.stop();
    });

    it("goes to each in turn", async () => {
      for (let count = 0; count < 20; count++) await order();
      const [one, two] = instances.map(({ calls }) => calls.length);
      assert.ok(Math.abs((one ?? 0) - (two ?? 0)) <= 2 && (one ?? 0) >= 9, `${one} and ${two} calls`);
    });

    it("goes on with the caller's trace, in a span of its own", async () => {
      await eventually("an order is taken", () => order());
      const spans = allCalls().map((call) => call.traceparent.split("-"));
      assert.ok(spans.length > 0);
      for (const [, traceId, spanId] of spans) {
        assert.equal(traceId, trace.traceId);
        assert.notEqual(spanId, trace.spanId);
      }
    });

    it("has a deadline: 2 s for a price nobody knows, 100 ms for a fresher one, or what is left of the caller's", async () => {
      const product = `products/${newId()}`;
      await eventually("an order is taken", () => order(product));
      for (const { timeout } of allCalls()) assert.ok(timeoutMsOf(timeout) <= 2_000, String(timeout));
      assert.ok(
        allCalls().some(({ timeout }) => timeoutMsOf(timeout) > 100),
        "no call had more than 100 ms",
      );
      forget();
      await eventually("product-svc is asked again", async () => (await order(product)) && allCalls().length > 0);
      for (const { timeout } of allCalls()) assert.ok(timeoutMsOf(timeout) <= 100, String(timeout));
      forget();
      await eventually("a call in a hurry arrives", async () => {
        await order(undefined, 50);
        return allCalls().length > 0;
      });
      for (const { timeout } of allCalls()) assert.ok(timeoutMsOf(timeout) <= 50, String(timeout));
    });

    it("is tried again at the other after UNAVAILABLE, without its caller noticing", async () => {
      // Were it not repeated, no order would ever be taken here.
      await eventually("an order is taken although its first call was refused", async () => {
        forget();
        refusals.left = 1;
        return await order();
      });
      assert.equal(refusals.left, 0);
      assert.deepEqual(
        instances.map(({ calls }) => calls.length),
        [1, 1],
      );
      const calls = allCalls().sort((one, other) => one.attemptsBefore - other.attemptsBefore);
      assert.deepEqual(
        calls.map(({ attemptsBefore }) => attemptsBefore),
        [0, 1],
      );
      assert.equal(calls[0]?.traceparent, calls[1]?.traceparent);
    });
  });

  it("reaches the instance that is left when one of two real ones stops, and the other when it is back", async () => {
    const { product, userId } = await stockShop(shop);
    headers = await shop.authorizationOf(userId);
    const first = await shop.startTwin("product-svc");
    const second = await shop.startTwin("product-svc");
    await useInstances([first.rpcPort, second.rpcPort]);
    const ordersReach = (instance: StartedService) => async () => {
      const before = await answered(instance);
      assert.ok(await order(product), "with a price in its replica order-svc takes every order");
      return (await answered(instance)) > before;
    };
    await eventually("the first is asked", ordersReach(first));
    await eventually("the second is asked", ordersReach(second));

    await first.stop();
    await eventually("the second is asked", ordersReach(second));
    const again = await shop.startTwin("product-svc", { RPC_PORT: String(first.rpcPort) });
    await eventually("the first is asked again", ordersReach(again));
  });
});

/** How many batches of products an instance has answered, by its own metrics. */
async function answered({ httpPort }: StartedService): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  const line = /^rpc_server_duration_seconds_count\{[^}]*BatchGetProducts[^}]*code="ok"[^}]*\} (\d+)$/m.exec(metrics);
  return Number(line?.[1] ?? 0);
}

/** gRPC writes a timeout as a number and a unit. */
function timeoutMsOf(timeout: string | null): number {
  const [, number, unit = ""] = /^(\d+)([HMSmun])$/.exec(timeout ?? "") ?? [];
  const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
  return number === undefined ? Number.POSITIVE_INFINITY : Number(number) * (unitMs[unit] ?? Number.NaN);
}
