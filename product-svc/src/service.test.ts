import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { type BrokerStage, createMemoryStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertLeavesNothing } from "@quartet/chassis/testing/leaves-nothing";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { startRabbitMqEarly } from "@quartet/chassis/testing/rabbitmq";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
} from "@quartet/proto/shop/order/v1/order_events_pb";
import {
  ProductArchivedSchema,
  ProductCreatedSchema,
  ProductUpdatedSchema,
  StockRejected_Reason,
  StockRejectedSchema,
  StockReleasedSchema,
  StockReservedSchema,
  StockSoldSchema,
} from "@quartet/proto/shop/product/v1/product_events_pb";
import { Product_State } from "@quartet/proto/shop/product/v1/product_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readProductConfig } from "./config.ts";
import { createService } from "./service.ts";

function describeService(broker: string, createStage: () => Promise<BrokerStage>): void {
  describe(`product-svc with ${broker}`, function () {
    // A first RabbitMQ takes its time to start.
    this.timeout(90_000);

    const tokens = createTestTokens();
    let stage: BrokerStage;
    let home: ServiceHome<typeof ProductService>;
    let neighbour: Neighbour;
    let service: RunningService<typeof ProductService>;
    let headers: Record<string, string>;

    beforeEach(async () => {
      stage = await createStage();
      home = createServiceHome({
        name: "product-svc",
        service: ProductService,
        create: (environment, overrides) => createService(readProductConfig(environment), overrides),
        tokens,
      });
      headers = { authorization: `Bearer ${await tokens.sign({ userId: "root", role: "admin" })}` };
      neighbour = await startNeighbour(stage, "product-svc");
      service = await home.start(stage);
    });
    afterEach(async () => {
      await home.remove();
      await neighbour.stop();
      await stage.stop();
    });

    const aCup = (initialQuantity = 10) => ({
      displayName: "Cup",
      category: "kitchen",
      price: { currency: "EUR", minorUnits: 1299n },
      initialQuantity,
    });
    const createCup = async (initialQuantity?: number) =>
      (await service.client.createProduct(aCup(initialQuantity), { headers })).name;
    const available = async (name: string) => (await service.client.getProduct({ name })).availableQuantity;
    const place = (order: string, product: string, quantity: number, times = 1) =>
      neighbour.say(OrderPlacedSchema, { order, lines: [{ product, quantity }] }, { times });
    const heard = (what: string, check: () => boolean) => eventually(what, check);
    const ordersOf = (events: readonly { order: string }[]) => events.map((event) => event.order);

    it("answers by gRPC and by Connect alike", async () => {
      const name = await createCup();
      const response = await service.post("GetProduct", { name });
      assert.equal(response.status, 200);
      const body = (await response.json()) as { name: string; etag: string; price: unknown };
      const product = await service.client.getProduct({ name });
      assert.deepEqual([body.name, body.etag], [name, product.etag]);
      assert.deepEqual(body.price, { currency: "EUR", minorUnits: "1299" });
    });

    it("asks for the same rights on both wires", async () => {
      await assert.rejects(
        service.client.createProduct(aCup()),
        (error) => error instanceof ConnectError && error.code === Code.Unauthenticated,
      );
      const cup = { ...aCup(), price: { currency: "EUR", minorUnits: "1299" } };
      assert.equal((await service.post("CreateProduct", cup)).status, 401);
      const customer = { authorization: `Bearer ${await tokens.sign({ userId: "ada" })}` };
      assert.equal((await service.post("CreateProduct", cup, customer)).status, 403);
      assert.equal((await service.post("CreateProduct", cup, headers)).status, 200);
    });

    it("tells of products and their changes", async () => {
      const name = await createCup();
      await service.client.adjustStock({ name, quantityDelta: -4 }, { headers });
      await heard("the change is told", () => neighbour.heardOf(ProductUpdatedSchema).length === 1);
      const [created] = neighbour.heardOf(ProductCreatedSchema);
      const [updated] = neighbour.heardOf(ProductUpdatedSchema);
      assert.deepEqual([created?.product?.name, created?.product?.version], [name, 1n]);
      assert.deepEqual([updated?.product?.availableQuantity, updated?.product?.version], [6, 2n]);
    });

    it("tells of what is updated and archived, in the order of the versions", async () => {
      const name = await createCup();
      const { etag } = await service.client.updateProduct({ product: { name, displayName: "Mug" } }, { headers });
      await service.client.updateProduct({ product: { name, displayName: "Mug" } }, { headers });
      await service.client.archiveProduct({ name, etag }, { headers });
      await service.client.archiveProduct({ name, etag }, { headers });
      await heard("the end is told", () => neighbour.heardOf(ProductArchivedSchema).length > 0);
      // Said last: once it is heard, all that was said before has been.
      await createCup();
      await heard("the next one is told", () => neighbour.heardOf(ProductCreatedSchema).length === 2);
      const told = [...neighbour.heardOf(ProductUpdatedSchema), ...neighbour.heardOf(ProductArchivedSchema)];
      assert.deepEqual(
        told.map(({ product }) => [product?.displayName, product?.state, product?.version]),
        [
          ["Mug", Product_State.ACTIVE, 2n],
          ["Mug", Product_State.ARCHIVED, 3n],
        ],
      );
    });

    it("rejects orders of an archived product, and sells and takes back what was held before", async () => {
      const cup = await createCup();
      await place("orders/o1", cup, 3);
      await heard("the stock is held", () => neighbour.heardOf(StockReservedSchema).length === 1);
      await service.client.archiveProduct({ name: cup }, { headers });
      await place("orders/o2", cup, 1);
      await heard("the late order is rejected", () => neighbour.heardOf(StockRejectedSchema).length === 1);
      assert.deepEqual(
        neighbour.heardOf(StockRejectedSchema)[0]?.shortages.map(({ product, reason }) => [product, reason]),
        [[cup, StockRejected_Reason.PRODUCT_ARCHIVED]],
      );
      await neighbour.say(OrderConfirmedSchema, { order: "orders/o1" });
      await heard("the stock is sold", () => neighbour.heardOf(StockSoldSchema).length === 1);
      await neighbour.say(OrderCancelledSchema, { order: "orders/o1" });
      await heard("the stock is back", () => neighbour.heardOf(StockReleasedSchema).length === 1);
      assert.equal(await available(cup), 10);
    });

    it("refuses numbers that are none or do not fit, on the wire that could carry them", async () => {
      const name = await createCup();
      const refused = async (method: string, body: object) => {
        const response = await service.post(method, body, headers);
        assert.equal(response.status, 400, `${method} ${JSON.stringify(body)}`);
      };
      for (const quantityDelta of [3_000_000_000, -3_000_000_000, 1.5, "many", null]) {
        await refused("AdjustStock", { name, quantityDelta });
      }
      for (const minorUnits of ["9223372036854775808", "12.99", 12.99, "1e400", "", true]) {
        await refused("CreateProduct", { ...aCup(), price: { currency: "EUR", minorUnits } });
        await refused("UpdateProduct", { product: { name, price: { currency: "EUR", minorUnits } } });
      }
      for (const updateMask of ["price.currency", "version", "display_name", "*,", 5]) {
        await refused("UpdateProduct", { product: { name, displayName: "Mug" }, updateMask });
      }
      for (const pageSize of [-1, 2_147_483_648, 0.5, "all"]) await refused("ListProducts", { pageSize });
      const product = await service.client.getProduct({ name });
      assert.deepEqual([product.availableQuantity, product.version], [10, 1n]);
    });

    it("holds, sells and takes back the stock of an order, each once however often it is told", async () => {
      const cup = await createCup();
      await place("orders/o1", cup, 3, 2);
      await heard("the stock is held", () => neighbour.heardOf(StockReservedSchema).length > 0);
      assert.equal(await available(cup), 7);
      await neighbour.say(OrderConfirmedSchema, { order: "orders/o1" }, { times: 2 });
      await heard("the stock is sold", () => neighbour.heardOf(StockSoldSchema).length > 0);
      await neighbour.say(OrderCancelledSchema, { order: "orders/o1" }, { times: 2 });
      await heard("the stock is back", () => neighbour.heardOf(StockReleasedSchema).length > 0);
      // Said after the repetitions: once it is answered, they have been dealt with.
      await place("orders/o2", cup, 1);
      await heard("the next order is held", () => neighbour.heardOf(StockReservedSchema).length > 1);

      assert.equal(await available(cup), 9);
      assert.deepEqual(ordersOf(neighbour.heardOf(StockReservedSchema)), ["orders/o1", "orders/o2"]);
      assert.deepEqual(
        [...neighbour.heardOf(StockReservedSchema), ...neighbour.heardOf(StockSoldSchema)].map(
          ({ version }) => version,
        ),
        [1n, 1n, 2n],
      );
      assert.deepEqual(
        neighbour.heardOf(StockReleasedSchema).map(({ version }) => version),
        [3n],
      );
    });

    it("sells out, and says what stands in the way", async () => {
      const cup = await createCup(5);
      await Promise.all([1, 2, 3, 4].map((number) => place(`orders/o${number}`, cup, 2)));
      await place("orders/ghost", "products/none", 1);
      await heard("all orders are answered", () => {
        return (
          neighbour.heardOf(StockReservedSchema).length === 2 && neighbour.heardOf(StockRejectedSchema).length === 3
        );
      });
      assert.equal(await available(cup), 1);
      const shortages = neighbour.heardOf(StockRejectedSchema).flatMap((event) => event.shortages);
      assert.deepEqual(
        shortages.map(({ reason }) => reason).sort(),
        [
          StockRejected_Reason.INSUFFICIENT_STOCK,
          StockRejected_Reason.INSUFFICIENT_STOCK,
          StockRejected_Reason.PRODUCT_NOT_FOUND,
        ].sort(),
      );
    });

    it("holds nothing for an order whose cancellation came first", async () => {
      const cup = await createCup();
      await neighbour.say(OrderCancelledSchema, { order: "orders/o1" });
      await heard("it is answered", () => neighbour.heardOf(StockReleasedSchema).length === 1);
      await place("orders/o1", cup, 3);
      await place("orders/o2", cup, 1);
      await heard("the next order is held", () => neighbour.heardOf(StockReservedSchema).length > 0);
      assert.deepEqual(ordersOf(neighbour.heardOf(StockReservedSchema)), ["orders/o2"]);
      assert.equal(await available(cup), 9);
    });

    it("sells what was confirmed before it was told of the order", async () => {
      const cup = await createCup();
      await neighbour.say(OrderConfirmedSchema, { order: "orders/o1" });
      await place("orders/o1", cup, 3);
      await heard("the stock is sold", () => neighbour.heardOf(StockSoldSchema).length === 1);
      assert.equal(await available(cup), 7);
    });

    it("goes on after a restart where it was, and tells what it could not tell", async () => {
      const requestId = newId();
      await stage.setUp(false);
      const { name } = await service.client.createProduct({ ...aCup(), requestId }, { headers });
      await service.client.createProduct(aCup(), { headers });
      const { nextPageToken } = await service.client.listProducts({ pageSize: 1 });
      await service.stop();

      service = await home.start(stage);
      await stage.setUp(true);
      await heard("the products are told", () => neighbour.heardOf(ProductCreatedSchema).length === 2);
      assert.equal((await service.client.createProduct({ ...aCup(), requestId }, { headers })).name, name);
      const { products } = await service.client.listProducts({ pageSize: 1, pageToken: nextPageToken });
      assert.equal(products[0]?.name, name);
      await place("orders/o1", name, 3);
      await heard("the stock is held", () => neighbour.heardOf(StockReservedSchema).length === 1);
      assert.equal(await available(name), 7);
    });

    it("hears after a restart what was said while it was stopped", async () => {
      const cup = await createCup();
      await service.stop();
      await place("orders/o1", cup, 3);
      service = await home.start(stage);
      await heard("the stock is held", () => neighbour.heardOf(StockReservedSchema).length === 1);
      assert.equal(await available(cup), 7);
    });

    it("serves without a broker from the start, and tells all of it when there is one", async () => {
      await service.stop();
      await stage.setUp(false);
      service = await home.start(stage);
      const name = await createCup();
      assert.equal((await fetch(`${service.httpUrl}/readyz`)).status, 200);
      await stage.setUp(true);
      await heard("the product is told", () => neighbour.heardOf(ProductCreatedSchema).length === 1);
      assert.equal(neighbour.heardOf(ProductCreatedSchema)[0]?.product?.name, name);
    });

    it("leaves nothing open when it stops", async () => {
      await service.stop();
      await assertLeavesNothing(home.dataDir, async () => {
        service = await home.start(stage);
        const cup = await createCup();
        await place("orders/o1", cup, 3);
        await heard("the stock is held", () => neighbour.heardOf(StockReservedSchema).length === 1);
        await service.stop();
      });
    });
  });
}

describeService("a broker in memory", createMemoryStage);
startRabbitMqEarly();
describeService("RabbitMQ", createRabbitMqStage);
