import { DomainError } from "@quartet/chassis/domain-error";

/** An amount in the smallest unit of its currency (ISO 4217). Whole, and small enough to be exact as a number. */
export interface Money {
  readonly currency: string;
  readonly minorUnits: number;
}

export type ProductState = "ACTIVE" | "ARCHIVED";

/** What an administrator says about a product, and can say anew. */
export interface ProductDescription {
  readonly displayName: string;
  readonly description: string;
  readonly category: string;
  readonly price: Money;
}

/** A product with its stock: what can be ordered, what is held for orders, what is sold. Times are ms since the epoch. */
export interface Product extends ProductDescription {
  readonly id: string;
  readonly available: number;
  readonly held: number;
  readonly sold: number;
  readonly state: ProductState;
  /** Rises with every change by an administrator; orders move stock without changing it. */
  readonly version: number;
  readonly createTime: number;
  readonly updateTime: number;
}

/** A fact about a product, to be published. */
export interface ProductEvent {
  readonly kind: "created" | "updated" | "archived";
  readonly product: Product;
}

/** What a decision about a product comes to. One that changes nothing has no events. */
export interface ProductDecision {
  readonly next: Product;
  readonly events: readonly ProductEvent[];
}

/** Most pieces of one product that can be made available. Those that cancelled orders give back come on top. */
export const availableMax = 1_000_000_000;

/** What an administrator says about a new product. */
export interface NewProduct extends ProductDescription {
  readonly initialQuantity: number;
}

/** Creates a product. */
export function createProduct(input: NewProduct, id: string, now: number): ProductDecision {
  const { initialQuantity, ...described } = input;
  const next: Product = {
    id,
    ...described,
    available: initialQuantity,
    held: 0,
    sold: 0,
    state: "ACTIVE",
    version: 1,
    createTime: now,
    updateTime: now,
  };
  return { next, events: [{ kind: "created", product: next }] };
}

/**
 * Adds pieces to what is available, or with a negative delta takes some away. What is held or sold is never touched.
 * What an archived product has left can be taken away, as when it is thrown out; nothing is added to it. Throws
 * `failed_precondition` INSUFFICIENT_STOCK, STOCK_LIMIT_EXCEEDED or PRODUCT_ARCHIVED.
 */
export function adjustStock(product: Product, quantityDelta: number, now: number): ProductDecision {
  if (product.state === "ARCHIVED" && quantityDelta > 0) throw productArchived(product.id);
  const available = product.available + quantityDelta;
  if (available < 0) {
    throw new DomainError(
      "failed_precondition",
      "INSUFFICIENT_STOCK",
      `products/${product.id} has ${product.available} pieces available, ${-quantityDelta} cannot be taken away`,
      { metadata: { product: `products/${product.id}`, available: String(product.available) } },
    );
  }
  if (quantityDelta > 0 && available > availableMax) {
    throw new DomainError(
      "failed_precondition",
      "STOCK_LIMIT_EXCEEDED",
      `products/${product.id} would have ${available} pieces available, at most ${availableMax} are possible`,
      { metadata: { product: `products/${product.id}`, limit: String(availableMax) } },
    );
  }
  const next = { ...product, available, version: product.version + 1, updateTime: now };
  return { next, events: [{ kind: "updated", product: next }] };
}

/** The error for a change that an archived product does not take. */
export function productArchived(productId: string): DomainError {
  const name = `products/${productId}`;
  return new DomainError("failed_precondition", "PRODUCT_ARCHIVED", `${name} is archived`, {
    metadata: { product: name },
  });
}
