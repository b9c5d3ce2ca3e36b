import assert from "node:assert/strict";
import { create, toJson } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { eventually } from "@quartet/chassis/testing/eventually";
import { BadRequestSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { Order_State, Order_StockState } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { after, before, describe, it } from "mocha";
import { nameOf } from "../access/methods.ts";
import { folderOf, type RunningShop, type ServicePorts, startShop, stockShop } from "../access/running-shop.ts";
import { type Call, calls, type Scene, teapot, twoCups, type Who } from "./calls.ts";
import { type Connection, type Wire, wires } from "./wires.ts";

describe("a call over every wire", () => {
  let shop: RunningShop;
  let scene: Scene;
  let authorizations: Readonly<Record<Who, string | undefined>>;
  const ports = new Map<string, ServicePorts>();
  const open = new Map<string, Connection>();

  before(async () => {
    // A confirmed order can no longer be cancelled; one process serves gRPC by the bridge, its twin by connect-node.
    shop = await startShop({ CANCEL_WINDOW_MS: "0" });
    const stocked = await stockShop(shop);
    const product = `127.0.0.1:${shop.ports["product-svc"].rpcPort}`;
    for (const name of ["product-svc", "order-svc"] as const) {
      ports.set(`${name} bridge`, shop.ports[name]);
      const settings = { GRPC_SERVER: "connect", PRODUCT_SVC_TARGET: product };
      ports.set(`${name} connect`, await shop.startTwin(name, settings));
    }
    const { authorization: customer } = await shop.authorizationOf(stocked.userId);
    const { authorization: stranger } = await shop.authorizationOf(newId());
    const { authorization: admin } = await shop.authorizationOf("root", "admin");
    authorizations = {
      nobody: undefined,
      "the customer": customer,
      "another customer": stranger,
      "an administrator": admin,
      "a forger": `${customer}x`,
    };
    scene = await setScene(stocked, customer, admin);
  });
  after(async () => {
    for (const { close } of open.values()) close();
    await shop.stop();
  });

  async function setScene(stocked: Awaited<ReturnType<typeof stockShop>>, customer: string, admin: string) {
    const [productRequestId, orderRequestId] = [newId(), newId()];
    const products = createClient(ProductService, shop.transportTo(ProductService));
    const orders = createClient(OrderService, shop.transportTo(OrderService));
    await products.createProduct(teapot(productRequestId), { headers: { authorization: admin } });
    const headers = { authorization: customer };
    const { name: order } = await orders.createOrder(twoCups(stocked, orderRequestId), { headers });
    await eventually("the order is settled and nothing moves any more", async () => {
      const { orders: all } = await orders.listOrders({}, { headers });
      return all.every(({ state, stockState }) => {
        return state === Order_State.CONFIRMED && stockState === Order_StockState.SOLD;
      });
    });
    return { ...stocked, order, productRequestId, orderRequestId };
  }

  const connectionOf = (wire: Wire, { method }: Call): Connection => {
    const service = folderOf(method.parent);
    const key = `${wire.name} ${service}`;
    const known = open.get(key);
    if (known !== undefined) return known;
    const connection = wire.connect(ports.get(`${service} ${wire.grpcServer}`) ?? assert.fail(service));
    open.set(key, connection);
    return connection;
  };

  const outcomeOf = async (wire: Wire, call: Call) => {
    const { transport } = connectionOf(wire, call);
    const authorization = authorizations[call.who];
    const headers = { ...(authorization === undefined ? {} : { authorization }), ...call.headers?.(scene) };
    const request = create(call.method.input, call.request(scene));
    try {
      const { message } = await transport.unary(call.method, undefined, undefined, headers, request);
      return { name: "OK", result: toJson(call.method.output, message) };
    } catch (error) {
      const failure = ConnectError.from(error);
      const fields = failure.findDetails(BadRequestSchema).flatMap((details) => details.fieldViolations);
      return {
        name: nameOf(failure),
        message: failure.rawMessage,
        fields: fields.map(({ field }) => field),
        details: failure.details.map((detail) =>
          "type" in detail ? [detail.type, Buffer.from(detail.value).toString("hex")] : assert.fail("not received"),
        ),
      };
    }
  };

  const [first, ...others] = wires;
  for (const call of calls) {
    describe(`for ${call.name}, as ${call.who}`, () => {
      it(`is answered with ${call.answer} over ${first.name}`, async () => {
        const outcome = await outcomeOf(first, call);
        assert.equal(outcome.name, call.answer, outcome.message);
        if (call.fields !== undefined) assert.deepEqual([...(outcome.fields ?? [])].sort(), [...call.fields].sort());
        if (call.answer === "OK") assert.notDeepEqual(outcome.result, {});
        else assert.ok((outcome.details ?? []).length > 0);
      });

      for (const wire of others) {
        it(`is answered the same over ${wire.name}`, async () => {
          assert.deepEqual(await outcomeOf(wire, call), await outcomeOf(first, call));
        });
      }
    });
  }
});
