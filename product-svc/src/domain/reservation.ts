import { DomainError } from "@quartet/chassis/domain-error";
import type { Product } from "./product.ts";

/** Pieces of one product. */
export interface Line {
  readonly productId: string;
  readonly quantity: number;
}

/**
 * Where the stock of one order stands. `RELEASED` is final: nothing later changes it, also when it comes first
 * (a tombstone that keeps a late hold from holding).
 */
export type ReservationState = "HELD" | "REJECTED" | "SOLD" | "RELEASED";

/** The stock of one order. An order has at most one reservation, for ever. */
export interface Reservation {
  readonly orderId: string;
  readonly state: ReservationState;
  /** What is held or was sold; empty once rejected or released. */
  readonly lines: readonly Line[];
  readonly version: number;
}

/** Why a product cannot be held. */
export interface Shortage {
  readonly productId: string;
  readonly requested: number;
  readonly available: number;
  readonly reason: "INSUFFICIENT_STOCK" | "PRODUCT_ARCHIVED" | "PRODUCT_NOT_FOUND";
}

/** A fact about the stock of an order, to be published. */
export type StockEvent =
  | { readonly kind: "reserved"; readonly orderId: string; readonly version: number; readonly time: number }
  | { readonly kind: "sold"; readonly orderId: string; readonly version: number; readonly time: number }
  | { readonly kind: "released"; readonly orderId: string; readonly version: number; readonly time: number }
  | {
      readonly kind: "rejected";
      readonly orderId: string;
      readonly version: number;
      readonly time: number;
      readonly shortages: readonly Shortage[];
    };

/** What a decision about the stock of an order comes to: the reservation, and the products whose counts changed. */
export interface StockDecision {
  readonly next: Reservation;
  readonly products: readonly Product[];
  readonly events: readonly StockEvent[];
}

export type Products = ReadonlyMap<string, Product>;

/**
 * Holds all lines of an order, or none: then it says what stands in the way. An order that was seen before is left as
 * it is (undefined), so that a hold that arrives after the release holds nothing.
 */
export function holdStock(
  reservation: Reservation | undefined,
  order: { readonly orderId: string; readonly lines: readonly Line[] },
  products: Products,
  now: number,
): StockDecision | undefined {
  if (reservation !== undefined) return undefined;
  const { orderId, lines } = order;
  const shortages = lines.flatMap((line) => shortageOf(line, products.get(line.productId)) ?? []);
  if (shortages.length > 0) {
    const next: Reservation = { orderId, state: "REJECTED", lines: [], version: 1 };
    return { next, products: [], events: [{ kind: "rejected", orderId, version: 1, time: now, shortages }] };
  }
  return {
    next: { orderId, state: "HELD", lines, version: 1 },
    products: move(lines, products, (product, quantity) => ({
      available: product.available - quantity,
      held: product.held + quantity,
    })),
    events: [{ kind: "reserved", orderId, version: 1, time: now }],
  };
}

/**
 * Turns what is held for an order into sold. Nothing (undefined) when it is sold already or released. Throws
 * `failed_precondition` NOT_RESERVED when nothing is held, which only disorder can bring about: a later try may find it.
 */
export function sellStock(
  reservation: Reservation | undefined,
  orderId: string,
  products: Products,
  now: number,
): StockDecision | undefined {
  if (reservation?.state === "SOLD" || reservation?.state === "RELEASED") return undefined;
  if (reservation?.state !== "HELD") {
    throw new DomainError("failed_precondition", "NOT_RESERVED", `orders/${orderId} has no stock to sell`);
  }
  const version = reservation.version + 1;
  return {
    next: { ...reservation, state: "SOLD", version },
    products: move(reservation.lines, products, (product, quantity) => ({
      held: product.held - quantity,
      sold: product.sold + quantity,
    })),
    events: [{ kind: "sold", orderId, version, time: now }],
  };
}

/**
 * Gives back what an order holds or had bought, and closes the order's stock for good, also when nothing was held yet.
 * Nothing (undefined) when it is released already.
 */
export function releaseStock(
  reservation: Reservation | undefined,
  orderId: string,
  products: Products,
  now: number,
): StockDecision | undefined {
  if (reservation?.state === "RELEASED") return undefined;
  const version = (reservation?.version ?? 0) + 1;
  const wasSold = reservation?.state === "SOLD";
  return {
    next: { orderId, state: "RELEASED", lines: [], version },
    products: move(reservation?.lines ?? [], products, (product, quantity) => ({
      available: product.available + quantity,
      held: product.held - (wasSold ? 0 : quantity),
      sold: product.sold - (wasSold ? quantity : 0),
    })),
    events: [{ kind: "released", orderId, version, time: now }],
  };
}

function shortageOf(line: Line, product: Product | undefined): Shortage | undefined {
  const found = { productId: line.productId, requested: line.quantity, available: product?.available ?? 0 };
  if (product === undefined) return { ...found, reason: "PRODUCT_NOT_FOUND" };
  if (product.state === "ARCHIVED") return { ...found, reason: "PRODUCT_ARCHIVED" };
  if (product.available < line.quantity) return { ...found, reason: "INSUFFICIENT_STOCK" };
  return undefined;
}

function move(
  lines: readonly Line[],
  products: Products,
  change: (product: Product, quantity: number) => Partial<Product>,
): Product[] {
  return lines.map((line) => {
    const product = products.get(line.productId);
    if (product === undefined) throw new Error(`products/${line.productId} is gone while an order holds it`);
    return { ...product, ...change(product, line.quantity) };
  });
}
