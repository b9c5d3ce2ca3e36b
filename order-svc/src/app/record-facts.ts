import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult } from "@quartet/chassis/storage/unit-of-work";
import type { Moment, Money, Order, StockState, Transition } from "../domain/order.ts";
import { type PaymentFact, recordPayment } from "../domain/record-payment.ts";
import { recordStock } from "../domain/record-stock.ts";
import { orderNotFound } from "./cancel-order.ts";
import type { OrderStore } from "./ports.ts";

/** What a message says about the money of an order. */
export type PaymentNews = { readonly version: number } & (
  | { readonly state: "CAPTURED"; readonly amount: Money }
  | { readonly state: "DECLINED" | "VOIDED" }
  | { readonly state: "REFUNDED"; readonly refunded: Money }
);

/**
 * The commands by which the news of the others move an order. Each has its effect once for each message. News of an order
 * that does not exist throw `not_found` ORDER_NOT_FOUND, so that they are parked where somebody sees them.
 */
export interface RecordFacts {
  stock(
    orderId: string,
    news: { state: StockState; version: number },
    message: IncomingMessage,
  ): Promise<MessageResult>;
  payment(orderId: string, news: PaymentNews, message: IncomingMessage): Promise<MessageResult>;
}

/** Creates the commands that record facts. */
export function createRecordFacts(deps: { orders: Pick<OrderStore, "record">; moment: () => Moment }): RecordFacts {
  const record = (orderId: string, message: IncomingMessage, decide: (order: Order, moment: Moment) => Transition) => {
    const moment = deps.moment();
    return deps.orders.record(orderId, message, (order) => {
      if (order === undefined) throw orderNotFound(orderId);
      return decide(order, moment);
    });
  };
  const causeOf = ({ type, id }: IncomingMessage) => ({ type, eventId: id });

  return {
    stock: (orderId, news, message) =>
      record(orderId, message, (order, moment) => recordStock(order, { ...news, cause: causeOf(message) }, moment)),
    payment: (orderId, news, message) => {
      const fact: PaymentFact = { ...news, cause: causeOf(message) };
      return record(orderId, message, (order, moment) => recordPayment(order, fact, moment));
    },
  };
}
