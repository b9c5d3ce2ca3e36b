import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@quartet/chassis/domain-error";
import { type PageTokens, readPage } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { type Caller, callerOf, ownsOrAdmin, type UserCaller, userOf } from "@quartet/chassis/rpc/caller";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import { CreateOrderRequestSchema, type OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { type CancelOrder, orderNotFound } from "../app/cancel-order.ts";
import type { CreateOrder } from "../app/create-order.ts";
import type { OrderQueries } from "../app/ports.ts";
import type { Order } from "../domain/order.ts";
import { fromMoneyMessage, fromStateMessage, toOrderEventMessage, toOrderMessage } from "./order-message.ts";
import type { WatchOrder } from "./watch-order.ts";

/**
 * Creates the implementation of OrderService. That a caller is a user is the contract's policy, enforced before it; whose
 * order it is, is checked here, and a stranger's is answered as if there were none.
 */
export function createOrderServiceImpl(deps: {
  queries: OrderQueries;
  createOrder: CreateOrder;
  cancelOrder: CancelOrder;
  watchOrder: WatchOrder;
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

    async listOrders(request, context) {
      const caller = userOf(context);
      const filter = { userId: listedUserOf(request.user, caller), state: fromStateMessage(request.state) };
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "orders", caller: caller.userId, ...filter },
        read: (afterId: string | undefined, limit) => queries.list({ ...filter, afterId, limit }),
        cursorOf: (order) => order.id,
      });
      return { orders: items.map(toOrderMessage), nextPageToken };
    },

    async cancelOrder({ name }, context) {
      const caller = callerOf(context);
      const order = await deps.cancelOrder(fromName("orders", name), (owner) => ownsOrAdmin(caller, owner));
      return toOrderMessage(order);
    },

    async listOrderEvents(request, context) {
      const { id: orderId } = await getOrder(fromName("orders", request.parent, "parent"), callerOf(context));
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "orderEvents", orderId, userId: userOf(context).userId },
        read: (afterSequence: number | undefined, limit) =>
          queries.timeline({ orderId, afterSequence: afterSequence ?? 0, limit }),
        cursorOf: (entry) => entry.sequence,
      });
      return { orderEvents: items.map((entry) => toOrderEventMessage(orderId, entry)), nextPageToken };
    },

    async *watchOrder({ name, afterSequence }, context) {
      const { userId } = userOf(context);
      const { id: orderId } = await getOrder(fromName("orders", name), callerOf(context));
      yield* deps.watchOrder({ orderId, userId, afterSequence: Number(afterSequence), signal: context.signal });
    },
  };
}

/** The user whose orders are listed; undefined for everybody's. */
function listedUserOf(user: string, caller: UserCaller): string | undefined {
  const id = user === "" ? "me" : fromName("users", user, "user");
  if (id === "me" || id === caller.userId) return caller.userId;
  if (caller.role !== "admin") {
    throw new DomainError(
      "permission_denied",
      "ADMIN_REQUIRED",
      "user: only administrators list the orders of others",
      {
        metadata: { user },
      },
    );
  }
  return id === "-" ? undefined : id;
}
