import type { ServiceImpl } from "@connectrpc/connect";
import { type PageTokens, pageSizeOf } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { type Caller, callerOf, ownsOrAdmin, userOf } from "@quartet/chassis/rpc/caller";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import { CreateOrderRequestSchema, type OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { type CancelOrder, orderNotFound } from "../app/cancel-order.ts";
import type { CreateOrder } from "../app/create-order.ts";
import type { OrderQueries } from "../app/ports.ts";
import type { Order } from "../domain/order.ts";
import { fromMoneyMessage, toOrderEventMessage, toOrderMessage } from "./order-message.ts";

/**
 * Creates the implementation of OrderService. That a caller is a user is the contract's policy, enforced before it; whose
 * order it is, is checked here, and a stranger's is answered as if there were none.
 */
export function createOrderServiceImpl(deps: {
  queries: OrderQueries;
  createOrder: CreateOrder;
  cancelOrder: CancelOrder;
  pageTokens: PageTokens;
}): ServiceImpl<typeof OrderService> {
  const { queries, pageTokens } = deps;

  const getOrder = async (orderId: string, caller: Caller): Promise<Order> => {
    const order = await queries.get(orderId);
    if (order === undefined || !ownsOrAdmin(caller, order.userId)) throw orderNotFound(orderId);
    return order;
  };

  return {
    async createOrder(request, context) {
      const { lines, paymentToken, expectedTotal } = request;
      const order = await deps.createOrder(
        {
          userId: userOf(context).userId,
          lines: lines.map(({ product, quantity }, index) => ({
            productId: fromName("products", product, `lines[${index}].product`),
            quantity,
          })),
          paymentToken,
          expectedTotal: expectedTotal && fromMoneyMessage(expectedTotal),
        },
        requestClaim(context, CreateOrderRequestSchema, request),
      );
      return toOrderMessage(order);
    },

    async getOrder({ name }, context) {
      return toOrderMessage(await getOrder(fromName("orders", name), callerOf(context)));
    },

    async listOrders({ pageSize, pageToken }, context) {
      const { userId } = userOf(context);
      const query = { list: "orders", userId };
      const size = pageSizeOf(pageSize);
      const afterId = pageTokens.decode<string>(query, pageToken);
      // One more than asked for tells whether there is a next page.
      const found = await queries.list({ userId, afterId, limit: size + 1 });
      const page = found.slice(0, size);
      const last = page.at(-1);
      return {
        orders: page.map(toOrderMessage),
        nextPageToken: found.length > size && last !== undefined ? pageTokens.encode(query, last.id) : "",
      };
    },

    async cancelOrder({ name }, context) {
      const caller = callerOf(context);
      const order = await deps.cancelOrder(fromName("orders", name), (owner) => ownsOrAdmin(caller, owner));
      return toOrderMessage(order);
    },

    async listOrderEvents({ parent, pageSize, pageToken }, context) {
      const caller = callerOf(context);
      const order = await getOrder(fromName("orders", parent, "parent"), caller);
      const query = { list: "orderEvents", orderId: order.id, userId: userOf(context).userId };
      const size = pageSizeOf(pageSize);
      const afterSequence = pageTokens.decode<number>(query, pageToken) ?? 0;
      const found = await queries.timeline({ orderId: order.id, afterSequence, limit: size + 1 });
      const page = found.slice(0, size);
      const last = page.at(-1);
      return {
        orderEvents: page.map((entry) => toOrderEventMessage(order.id, entry)),
        nextPageToken: found.length > size && last !== undefined ? pageTokens.encode(query, last.sequence) : "",
      };
    },
  };
}
