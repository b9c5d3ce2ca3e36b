import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Product, ProductDecision } from "../domain/product.ts";
import type { Products, Reservation, StockDecision } from "../domain/reservation.ts";

/**
 * Keeps products and the stock of orders. Each write is one transaction: load, decide, save, append the events to the
 * outbox, and claim the request or message that caused it. A decision may be run more than once, so it must be pure.
 */
export interface ProductStore {
  /** Saves a new product. A repeated request returns the product it made, as it is now. */
  create(request: RequestClaim | undefined, decide: () => ProductDecision): Promise<Product>;
  /**
   * Changes the available stock by what is decided and records why. A repeated request returns the product as it is now.
   */
  adjust(
    productId: string,
    adjustment: { readonly reason: string },
    request: RequestClaim | undefined,
    decide: (product: Product | undefined) => ProductDecision,
  ): Promise<Product>;
  /**
   * Moves the stock of one order. The decision gets the order's reservation and the products it names, those of
   * `productIds` and those it holds already; undefined changes nothing. A repeated message does nothing.
   */
  moveStock(
    orderId: string,
    productIds: readonly string[],
    message: IncomingMessage,
    decide: (reservation: Reservation | undefined, products: Products) => StockDecision | undefined,
  ): Promise<void>;
}

/** What the reads need. They go from rpc/ straight to storage/. */
export interface ProductQueries {
  get(productId: string): Promise<Product | undefined>;
  /** The products that exist among `productIds`. */
  getMany(productIds: readonly string[]): Promise<Products>;
  /** Up to `limit` active products, newest first, of one category or all, after the product `afterId`. */
  list(query: { category: string; afterId: string | undefined; limit: number }): Promise<readonly Product[]>;
}
