import { type MessageHandler, onEvent } from "@quartet/chassis/broker/on-event";
import { fromName } from "@quartet/chassis/resource-name";
import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import {
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@quartet/proto/shop/payment/v1/payment_events_pb";
import {
  ProductArchivedSchema,
  ProductCreatedSchema,
  ProductUpdatedSchema,
  StockRejectedSchema,
  StockReleasedSchema,
  StockReservedSchema,
  StockSoldSchema,
} from "@quartet/proto/shop/product/v1/product_events_pb";
import type { Product } from "@quartet/proto/shop/product/v1/product_pb";
import { UserDeletedSchema } from "@quartet/proto/shop/user/v1/user_events_pb";
import type { RecordFacts } from "../app/record-facts.ts";
import type { RecordProduct } from "../app/record-product.ts";
import type { RecordUserDeleted } from "../app/record-user-deleted.ts";
import { toPricedProduct } from "../clients/product-message.ts";
import type { StockState } from "../domain/order.ts";
import { fromMoneyMessage } from "../rpc/order-message.ts";

/** Creates the handlers of the events this service consumes: the contract names them, and the consumer checks it. */
export function createHandlers(deps: {
  recordFacts: RecordFacts;
  recordProduct: RecordProduct;
  recordUserDeleted: RecordUserDeleted;
}): (readonly [type: string, handler: MessageHandler])[] {
  const { recordFacts } = deps;

  const product = (event: { product?: Product }, message: IncomingMessage) => {
    if (event.product === undefined) throw new Error(`${message.type} without its product`);
    return deps.recordProduct(toPricedProduct(event.product), message);
  };
  const stock = (state: StockState) => (event: { order: string; version: bigint }, message: IncomingMessage) =>
    recordFacts.stock(fromName("orders", event.order), { state, version: Number(event.version) }, message);
  const ended =
    (state: "DECLINED" | "VOIDED") => (event: { order: string; version: bigint }, message: IncomingMessage) =>
      recordFacts.payment(fromName("orders", event.order), { state, version: Number(event.version) }, message);

  return [
    onEvent(ProductCreatedSchema, product),
    onEvent(ProductUpdatedSchema, product),
    onEvent(ProductArchivedSchema, product),
    onEvent(UserDeletedSchema, ({ user }, message) => deps.recordUserDeleted(fromName("users", user, "user"), message)),
    onEvent(StockReservedSchema, stock("RESERVED")),
    onEvent(StockRejectedSchema, stock("REJECTED")),
    onEvent(StockReleasedSchema, stock("RELEASED")),
    onEvent(StockSoldSchema, stock("SOLD")),
    onEvent(PaymentCapturedSchema, (event, message) => {
      const news = { version: Number(event.version), amount: fromMoneyMessage(event.amount) };
      return recordFacts.payment(fromName("orders", event.order), { state: "CAPTURED", ...news }, message);
    }),
    onEvent(PaymentDeclinedSchema, ended("DECLINED")),
    onEvent(PaymentVoidedSchema, ended("VOIDED")),
    onEvent(PaymentRefundedSchema, (event, message) => {
      const news = { version: Number(event.version), refunded: fromMoneyMessage(event.refunded) };
      return recordFacts.payment(fromName("orders", event.order), { state: "REFUNDED", ...news }, message);
    }),
  ];
}
