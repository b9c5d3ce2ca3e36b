import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  create,
  type DescMethodUnary,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { credentials, Client as GrpcClient, Metadata, type ServiceError } from "@grpc/grpc-js";
import { reflectionServices } from "@quartet/chassis/rpc/standard-services";
import { Order_State } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { it } from "mocha";
import { waitUntil } from "../../tools/stack/ready.ts";
import type { OpenShop } from "./checkout-suite.ts";
import { password } from "./shop-client.ts";

const settleTimeoutMs = 60_000;
const lookIntervalMs = 50;

/** What callers of every protocol can rely on, through the one port of the gateway: cases for `describeCheckout`. */
export function protocolCases(shop: () => OpenShop): void {
  const withGrpc = async <T>(work: (client: GrpcClient) => Promise<T>): Promise<T> => {
    const client = new GrpcClient(new URL(shop().system.gateway).host, credentials.createInsecure());
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };

  it("a plain gRPC client signs up, logs in, orders and sees the order confirmed", () =>
    withGrpc(async (grpc) => {
      const email = `${randomUUID()}@example.org`;
      await callGrpc(grpc, UserService.method.createUser, { email, password, displayName: "Bob" });
      const session = await callGrpc(grpc, UserService.method.createSession, { email, password });
      const { products } = await callGrpc(grpc, ProductService.method.listProducts, { pageSize: 1 });
      assert.equal(products.length, 1);

      const lines = [{ product: shop().cup, quantity: 2 }];
      const { createOrder, getOrder } = OrderService.method;
      const request = { lines, paymentToken: "tok_visa", requestId: randomUUID() };
      const order = await callGrpc(grpc, createOrder, request, session.accessToken);
      assert.deepEqual([order.state, order.total?.minorUnits], [Order_State.PENDING, 2598n]);
      assert.equal((await callGrpc(grpc, createOrder, request, session.accessToken)).name, order.name);
      const isConfirmed = async () => {
        const { state } = await callGrpc(grpc, getOrder, { name: order.name }, session.accessToken);
        return state === Order_State.CONFIRMED;
      };
      assert.ok(await waitUntil(isConfirmed, settleTimeoutMs, lookIntervalMs));
    }));

  it("a plain gRPC client gets a code and its details, as a REST caller does", () =>
    withGrpc(async (grpc) => {
      const refused = callGrpc(
        grpc,
        OrderService.method.getOrder,
        { name: `orders/${randomUUID()}` },
        shop().ada.token,
      );
      await assert.rejects(refused, (error: ServiceError) => {
        assert.equal(error.code, 5, error.message);
        assert.match(String(error.metadata.get("grpc-status-details-bin")), /ORDER_NOT_FOUND/);
        return true;
      });
    }));

  it("reflection lists the services of the contract", () =>
    withGrpc(async (grpc) => {
      const names = await listServices(grpc);
      for (const { typeName } of [UserService, ProductService, OrderService]) {
        assert.ok(names.includes(typeName), `${typeName} is not in ${names}`);
      }
    }));

  for (const [name, transportTo] of Object.entries(webTransports)) {
    it(`a client of ${name} orders and sees the order confirmed`, async () => {
      const orders: Client<typeof OrderService> = createClient(OrderService, transportTo(shop().system.gateway));
      const headers = { authorization: `Bearer ${shop().ada.token}` };
      const request = { lines: [{ product: shop().cup, quantity: 1 }], paymentToken: "tok_visa" };
      const order = await orders.createOrder(request, { headers });
      assert.equal(order.total?.minorUnits, 1299n);
      const isConfirmed = async () =>
        (await orders.getOrder({ name: order.name }, { headers })).state === Order_State.CONFIRMED;
      assert.ok(await waitUntil(isConfirmed, settleTimeoutMs, lookIntervalMs));
    });
  }

  it("one order is one trace, from the caller's header to its timeline and the log of each service", async () => {
    const { system, ada, cup } = shop();
    const traceId = randomUUID().replaceAll("-", "");
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const order = await ada.order([{ product: cup, quantity: 1 }], "tok_visa", headers);
    await ada.settles(order);
    const { body } = await ada.get(`/v1/${order.name}/events`);
    const traces: string[] = body.orderEvents.map((event: { traceId: string }) => event.traceId);
    assert.deepEqual(traces, Array(4).fill(traceId));
    for (const service of ["order-svc", "product-svc", "payment-svc"] as const) {
      const isLogged = async () => (await system.logs(service)).includes(`"trace_id":"${traceId}"`);
      assert.ok(await waitUntil(isLogged, settleTimeoutMs), `${service} has not logged the trace`);
    }
  });
}

const webTransports: Readonly<Record<string, (gateway: string) => Transport>> = {
  Connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
};

function callGrpc<M extends DescMethodUnary>(
  client: GrpcClient,
  method: M,
  request: MessageInitShape<M["input"]>,
  token?: string,
): Promise<MessageShape<M["output"]>> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: MessageShape<M["input"]>) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes) as MessageShape<M["output"]>,
      create(method.input, request) as MessageShape<M["input"]>,
      metadata,
      (error, answer) => (error === null ? resolve(answer as MessageShape<M["output"]>) : reject(error)),
    );
  });
}

async function listServices(client: GrpcClient): Promise<string[]> {
  const method = reflectionServices()[0]?.method.serverReflectionInfo;
  assert.ok(method);
  const call = client.makeBidiStreamRequest(
    `/${method.parent.typeName}/${method.name}`,
    (message: Message) => Buffer.from(toBinary(method.input, message)),
    (bytes) => fromBinary(method.output, bytes),
    new Metadata(),
    {},
  );
  call.write(create(method.input, { messageRequest: { case: "listServices", value: "" } } as never));
  call.end();
  const names: string[] = [];
  for await (const answer of call) {
    const { messageResponse } = answer as unknown as ReflectionAnswer;
    assert.equal(messageResponse.case, "listServicesResponse");
    names.push(...messageResponse.value.service.map(({ name }) => name));
  }
  return names;
}

interface ReflectionAnswer {
  readonly messageResponse: {
    readonly case: string;
    readonly value: { readonly service: readonly { name: string }[] };
  };
}
