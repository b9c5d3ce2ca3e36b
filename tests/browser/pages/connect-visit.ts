import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ErrorInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { type Order, Order_StateSchema } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import type { Show, VisitOptions } from "./visit.ts";

/** What a customer does, by typed clients: Connect, and gRPC-Web for one call. */
export async function visit({ gateway, email, search }: VisitOptions, show: Show): Promise<void> {
  const password = "correct horse battery staple";
  const transport = createConnectTransport({ baseUrl: gateway, useHttpGet: true });
  const users = createClient(UserService, transport);
  const orders = createClient(OrderService, transport);
  let headers: Record<string, string> = {};

  const reasonOf = (error: unknown) => ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
  const stateOf = (order: Order | undefined) => Order_StateSchema.value[order?.state ?? 0]?.name;
  const follow = async ({ name }: Order, onFirst: () => Promise<void> = async () => {}) => {
    let count = 0;
    let isComplete = false;
    for await (const { orderEvent, last, order } of orders.watchOrder({ name }, { headers })) {
      if (orderEvent !== undefined) show("entry", [Number(orderEvent.sequence), orderEvent.cause]);
      if (orderEvent !== undefined && ++count === 1) await onFirst();
      if (last) show("last", stateOf(order));
      isComplete = last;
    }
    if (!isComplete) throw new Error("the stream was cut");
  };

  const user = await users.createUser({ email, password, displayName: "Ada", requestId: crypto.randomUUID() });
  show("signed up", user.displayName);
  const session = await users.createSession({ email, password });
  headers = { authorization: `Bearer ${session.accessToken}` };
  show("logged in", session.user === user.name);
  const named = { ...user, displayName: "Ada Lovelace" };
  const renamed = await users.updateUser({ user: named, updateMask: { paths: ["display_name"] } }, { headers });
  show("renamed", renamed.displayName);

  const { products } = await createClient(ProductService, transport).listProducts({ search, orderBy: "price" });
  show(
    "found",
    products.map(({ displayName }) => displayName),
  );
  const lines = [{ product: products[0]?.name ?? "", quantity: 1 }];
  const order = await orders.createOrder({ lines, paymentToken: "tok_visa" }, { headers });
  show("ordered", stateOf(order));
  await follow(order);
  await sameOrder(createGrpcWebTransport({ baseUrl: gateway }), order, headers);

  const slow = await orders.createOrder({ lines, paymentToken: "tok_delay_5000" }, { headers });
  await follow(slow, async () =>
    show("cancelled", stateOf(await orders.cancelOrder({ name: slow.name }, { headers }))),
  );

  show("refused", await orders.getOrder({ name: order.name }).catch(reasonOf));
  await users.deleteSession({ name: session.name }, { headers });
  show("logged out", {});
  show("refused", await users.refreshSession({ refreshToken: session.refreshToken }).catch(reasonOf));
}

async function sameOrder(transport: Transport, { name, total }: Order, headers: Record<string, string>): Promise<void> {
  const read = await createClient(OrderService, transport).getOrder({ name }, { headers });
  if (read.total?.minorUnits !== total?.minorUnits) throw new Error("gRPC-Web reads another order");
}
