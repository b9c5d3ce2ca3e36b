import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Moment, Order } from "../domain/order.ts";
import { checkRequest, type OrderRequest, placeOrder, refuseDeletedUser } from "../domain/place-order.ts";
import type { GatherPrices } from "./gather-prices.ts";
import type { OrderStore } from "./ports.ts";

export type CreateOrder = (request: OrderRequest, claim: RequestClaim | undefined) => Promise<Order>;

/**
 * Creates the command that places an order, once for each request id. It throws what the domain refuses, `already_exists`
 * REQUEST_ID_REUSED, and `unavailable` PRICES_UNAVAILABLE. A request of a user whose account was deleted meanwhile still
 * returns what it placed before.
 */
export function createCreateOrder(deps: {
  orders: Pick<OrderStore, "place" | "findPlaced">;
  gatherPrices: GatherPrices;
  moment: () => Moment;
  newId: () => string;
}): CreateOrder {
  const { orders } = deps;
  return async (request, claim) => {
    // A repeated request is answered whatever the prices are meanwhile, and also when nobody knows them.
    const placed = claim && (await orders.findPlaced(request.userId, claim));
    if (placed !== undefined) return placed;

    checkRequest(request);
    const products = await deps.gatherPrices(request);
    const [id, moment] = [deps.newId(), deps.moment()];
    return orders.place(request.userId, claim, (isUserDeleted) => {
      refuseDeletedUser(request.userId, isUserDeleted);
      return placeOrder(id, request, products, moment);
    });
  };
}
