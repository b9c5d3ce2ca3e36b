import assert from "node:assert/strict";
import type { MessageShape } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { type BrokerStage, createMemoryStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { wires } from "@quartet/chassis/testing/wires";
import { Order_State } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService, type WatchOrderResponseSchema } from "@quartet/proto/shop/order/v1/order_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readOrderConfig } from "./config.ts";
import { createService } from "./service.ts";
import { type Neighbours, startNeighbours } from "./testing/neighbours.ts";

type Response = MessageShape<typeof WatchOrderResponseSchema>;
type Running = RunningService<typeof OrderService>;

for (const wire of wires) {
  describe(`watching an order over ${wire.name}`, function () {
    this.timeout(30_000);

    let stage: BrokerStage;
    let home: ServiceHome<typeof OrderService>;
    let neighbours: Neighbours;
    let service: Running;
    let headers: Record<string, string>;
    let closers: (() => void)[];

    beforeEach(async () => {
      closers = [];
      const tokens = createTestTokens();
      home = createServiceHome({
        name: "order-svc",
        service: OrderService,
        // The longest grace there is: a stop that waited for a stream would fail its test.
        create: (environment, overrides) =>
          createService(
            readOrderConfig({
              PRODUCT_SVC_TARGET: "127.0.0.1:1",
              SHUTDOWN_GRACE_MS: "60000",
              GRPC_SERVER: wire.implementation,
              ...environment,
            }),
            overrides,
          ),
        tokens,
      });
      headers = { authorization: `Bearer ${await tokens.sign({ userId: "ada" })}` };
      stage = await createMemoryStage();
      neighbours = await startNeighbours(stage);
      service = await home.start(stage);
      await neighbours.sellCups(1299n);
    });
    afterEach(async () => {
      for (const close of closers) close();
      await home.remove();
      await neighbours.stop();
      await stage.stop();
    });

    const place = async (on = service) => {
      const order = { lines: [{ product: "products/cup", quantity: 2 }], paymentToken: "tok_visa" };
      const placed = () => on.client.createOrder(order, { headers }).catch(() => undefined);
      return (await eventually("the order is placed", placed))?.name ?? assert.fail();
    };
    /** A client of the wire under test. */
    const clientOf = (on: Running): Client<typeof OrderService> => {
      const transport = wire.connect(on.ports);
      closers.push(() => transport.close());
      return createClient(OrderService, transport);
    };
    const watch = (
      name: string,
      { on = service, afterSequence = 0n, signal = undefined as AbortSignal | undefined } = {},
    ) => clientOf(on).watchOrder({ name, afterSequence }, { headers, ...(signal && { signal }) });
    /** Reads until a stream ends, one way or the other. */
    const readOn = async (stream: AsyncIterable<Response>, into: Response[]): Promise<string | undefined> => {
      try {
        for await (const response of stream) into.push(response);
        return undefined;
      } catch (error) {
        return errorInfoOf(ConnectError.from(error))?.reason ?? String(error);
      }
    };
    const sequencesOf = (responses: readonly Response[]) =>
      responses.flatMap(({ orderEvent }) => (orderEvent === undefined ? [] : [Number(orderEvent.sequence)]));
    const causesOf = (responses: readonly Response[]) =>
      responses.flatMap(({ orderEvent }) => orderEvent?.cause.split(".").at(-1) ?? []);
    const openWatches = async (on = service) =>
      Number(/^order_watches_open\{.*\} (\d+)$/m.exec(await (await fetch(`${on.httpUrl}/metrics`)).text())?.[1]);

    it("shows the whole way of an order and ends with it", async () => {
      const responses: Response[] = [];
      assert.equal(await readOn(watch(await place()), responses), undefined);
      assert.deepEqual(causesOf(responses), ["OrderPlaced", "StockReserved", "PaymentCaptured", "StockSold"]);
      assert.deepEqual(
        responses.filter(({ last }) => last).map(({ order }) => order?.state),
        [Order_State.CONFIRMED],
      );
      assert.equal(responses.at(-1)?.last, true);
      assert.equal(await openWatches(), 0);
    });

    it("frees its place at once when the reader goes away", async () => {
      neighbours.manners.stock = "silent";
      const gone = new AbortController();
      const stream = watch(await place(), { signal: gone.signal })[Symbol.asyncIterator]();
      await stream.next();
      assert.equal(await openWatches(), 1);
      gone.abort();
      await assert.rejects(stream.next());
      await eventually("nobody watches", async () => (await openWatches()) === 0);
    });

    it("frees its place when the connection breaks", async () => {
      neighbours.manners.stock = "silent";
      const transport = wire.connect(service.ports);
      const gone = new AbortController();
      const stream = createClient(OrderService, transport)
        .watchOrder({ name: await place() }, { headers, signal: gone.signal })
        [Symbol.asyncIterator]();
      await stream.next();
      transport.close();
      gone.abort();
      await stream.next().catch(() => {});
      await eventually("nobody watches", async () => (await openWatches()) === 0);
    });

    it("is cut by a stop with SHUTTING_DOWN, and goes on without gap or repeat after the restart", async () => {
      neighbours.manners.payment = "silent";
      const name = await place();
      const first: Response[] = [];
      const reading = readOn(watch(name), first);
      await eventually("two entries came", () => sequencesOf(first).length === 2);
      await service.stop();
      assert.equal(await reading, "SHUTTING_DOWN");

      service = await home.start(stage);
      const second: Response[] = [];
      const resumed = readOn(watch(name, { afterSequence: BigInt(sequencesOf(first).at(-1) ?? 0) }), second);
      await service.client.cancelOrder({ name }, { headers });
      assert.equal(await resumed, undefined);
      assert.deepEqual(sequencesOf([...first, ...second]), [1, 2, 3, 4, 5]);
      assert.equal(second.at(-1)?.order?.state, Order_State.CANCELLED);
    });

    it("learns what another process on the same file commits", async () => {
      neighbours.manners.payment = "silent";
      const name = await place();
      const other = await home.start(stage);
      const responses: Response[] = [];
      const reading = [readOn(watch(name), responses), readOn(watch(name, { on: other }), [])];
      await eventually("both watch", async () => (await openWatches()) + (await openWatches(other)) === 2);
      await service.client.cancelOrder({ name }, { headers });
      await Promise.all(reading);
      assert.equal(responses.at(-1)?.order?.state, Order_State.CANCELLED);
      assert.deepEqual(
        sequencesOf(responses),
        sequencesOf(responses).map((_, index) => index + 1),
      );
    });
  });
}
