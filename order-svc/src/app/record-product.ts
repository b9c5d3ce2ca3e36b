import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult } from "@quartet/chassis/storage/unit-of-work";
import type { PricedProduct } from "../domain/place-order.ts";
import type { ProductReplica } from "./ports.ts";

export type RecordProduct = (product: PricedProduct, message: IncomingMessage) => Promise<MessageResult>;

/** Creates the command that takes over what an event says about a product: it was true when the event was recorded. */
export function createRecordProduct(deps: {
  products: Pick<ProductReplica, "record">;
  now: () => number;
}): RecordProduct {
  // A sender whose clock runs ahead must not make a price good for longer.
  return (product, message) =>
    deps.products.record({ ...product, confirmTime: Math.min(message.time, deps.now()) }, message);
}
