import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult } from "@quartet/chassis/storage/unit-of-work";
import { holdStock, type Line, releaseStock, sellStock } from "../domain/reservation.ts";
import type { ProductStore } from "./ports.ts";

/** The commands by which the events of an order move its stock. Each has its effect once for each message. */
export interface MoveStock {
  /** Holds all lines of an order that was placed, or rejects it. */
  hold(order: { orderId: string; lines: readonly Line[] }, message: IncomingMessage): Promise<MessageResult>;
  /** Sells what is held for an order that was confirmed. */
  sell(orderId: string, message: IncomingMessage): Promise<MessageResult>;
  /** Gives back the stock of an order that was cancelled, for good. */
  release(orderId: string, message: IncomingMessage): Promise<MessageResult>;
}

/** Creates the stock commands. */
export function createMoveStock(deps: { products: Pick<ProductStore, "moveStock">; now: () => number }): MoveStock {
  const { products } = deps;
  return {
    hold(order, message) {
      const [productIds, now] = [order.lines.map((line) => line.productId), deps.now()];
      return products.moveStock(order.orderId, productIds, message, (reservation, loaded) =>
        holdStock(reservation, order, loaded, now),
      );
    },
    sell(orderId, message) {
      const now = deps.now();
      return products.moveStock(orderId, [], message, (reservation, loaded) =>
        sellStock(reservation, orderId, loaded, now),
      );
    },
    release(orderId, message) {
      const now = deps.now();
      return products.moveStock(orderId, [], message, (reservation, loaded) =>
        releaseStock(reservation, orderId, loaded, now),
      );
    },
  };
}
