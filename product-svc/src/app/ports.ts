import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult, RequestClaim } from "@quartet/chassis/storage/unit-of-work";
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
  /** Changes a product by what is decided; one that does not exist is undefined. */
  update(productId: string, decide: (product: Product | undefined) => ProductDecision): Promise<Product>;
  /**
   * Moves the stock of one order. The decision gets the order's reservation and the products it names, those of
   * `productIds` and those it holds already; undefined changes nothing. A repeated message does nothing.
   */
  moveStock(
    orderId: string,
    productIds: readonly string[],
    message: IncomingMessage,
    decide: (reservation: Reservation | undefined, products: Products) => StockDecision | undefined,
  ): Promise<MessageResult>;
}

/** What a list of active products is sorted by; what is equal in that, by id. */
export interface ProductOrder {
  /** Names regardless of case and accents; prices within a currency, and currencies by their codes. */
  readonly by: "create_time" | "display_name" | "price";
  readonly descending: boolean;
}

/** Which active products to list, and in which order. */
export interface ProductQuery {
  /** Empty for all. */
  readonly category: string;
  /** All of these words are in name, description or category, the last one as the beginning of one. Empty for all. */
  readonly search: string;
  /** Products of this currency within these bounds, which are included; undefined for all. */
  readonly price:
    | { readonly currency: string; readonly minMinor: number | undefined; readonly maxMinor: number | undefined }
    | undefined;
  readonly order: ProductOrder;
}

/** A place in an order: what is sorted by, and the id. A JSON value. */
export type ProductPosition = readonly (string | number)[];

/** A product and its place in the order it was listed in. */
export interface ListedProduct {
  readonly product: Product;
  readonly position: ProductPosition;
}

/** What the reads need. They go from rpc/ straight to storage/. */
export interface ProductQueries {
  get(productId: string): Promise<Product | undefined>;
  /** The products that exist among `productIds`. */
  getMany(productIds: readonly string[]): Promise<Products>;
  /** Up to `limit` products in order, those behind the place `after`, or the first ones. */
  list(query: ProductQuery, after: ProductPosition | undefined, limit: number): Promise<readonly ListedProduct[]>;
}
