import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import fc from "fast-check";
import { describe, it } from "mocha";
import { aProduct, productsById } from "../testing/builders.ts";
import type { Product } from "./product.ts";
import { holdStock, type Reservation, releaseStock, type StockDecision, sellStock } from "./reservation.ts";

const cup = aProduct({ id: "cup", available: 5 });
const pot = aProduct({ id: "pot", available: 1 });
const shelf = productsById(cup, pot);
const twoCupsOnePot = {
  orderId: "o1",
  lines: [
    { productId: "cup", quantity: 2 },
    { productId: "pot", quantity: 1 },
  ],
};

describe("holdStock", () => {
  it("holds all lines of an order", () => {
    const decision = holdStock(undefined, twoCupsOnePot, shelf, 9);
    assert.deepEqual(decision, {
      next: { orderId: "o1", state: "HELD", lines: twoCupsOnePot.lines, version: 1 },
      products: [
        { ...cup, available: 3, held: 2 },
        { ...pot, available: 0, held: 1 },
      ],
      events: [{ kind: "reserved", orderId: "o1", version: 1, time: 9 }],
    });
  });

  it("holds nothing when one line is short, and names every obstacle", () => {
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "pot", quantity: 2 },
      { productId: "old", quantity: 1 },
      { productId: "gone", quantity: 1 },
    ];
    const products = productsById(cup, pot, aProduct({ id: "old", state: "ARCHIVED" }));
    const decision = holdStock(undefined, { orderId: "o1", lines }, products, 9);
    assert.deepEqual(decision?.products, []);
    assert.deepEqual(decision?.next, { orderId: "o1", state: "REJECTED", lines: [], version: 1 });
    assert.deepEqual(decision?.events, [
      {
        kind: "rejected",
        orderId: "o1",
        version: 1,
        time: 9,
        shortages: [
          { productId: "pot", requested: 2, available: 1, reason: "INSUFFICIENT_STOCK" },
          { productId: "old", requested: 1, available: 10, reason: "PRODUCT_ARCHIVED" },
          { productId: "gone", requested: 1, available: 0, reason: "PRODUCT_NOT_FOUND" },
        ],
      },
    ]);
  });

  it("holds nothing for an order that was released before it was placed", () => {
    const tombstone = releaseStock(undefined, "o1", shelf, 1)?.next;
    assert.equal(tombstone?.state, "RELEASED");
    assert.equal(holdStock(tombstone, twoCupsOnePot, shelf, 2), undefined);
  });
});

describe("sellStock", () => {
  it("turns held into sold, once", () => {
    const held = holdStock(undefined, twoCupsOnePot, shelf, 1);
    const sold = sellStock(held?.next, "o1", productsById(...(held?.products ?? [])), 2);
    assert.deepEqual(sold?.products, [
      { ...cup, available: 3, sold: 2 },
      { ...pot, available: 0, sold: 1 },
    ]);
    assert.deepEqual(sold?.events, [{ kind: "sold", orderId: "o1", version: 2, time: 2 }]);
    assert.equal(sellStock(sold?.next, "o1", shelf, 3), undefined);
  });

  it("refuses an order that holds nothing, so that it is tried again later", () => {
    const isNotReserved = (error: unknown) => error instanceof DomainError && error.reason === "NOT_RESERVED";
    assert.throws(() => sellStock(undefined, "o1", shelf, 1), isNotReserved);
    const rejected: Reservation = { orderId: "o1", state: "REJECTED", lines: [], version: 1 };
    assert.throws(() => sellStock(rejected, "o1", shelf, 1), isNotReserved);
  });
});

describe("the stock of orders", () => {
  it("adds up and never goes below zero, whatever comes in whichever order and however often", () => {
    const step = fc.record({
      kind: fc.constantFrom("hold", "sell", "release"),
      orderId: fc.constantFrom("o1", "o2", "o3"),
      lines: fc.uniqueArray(
        fc.record({ productId: fc.constantFrom("cup", "pot"), quantity: fc.integer({ min: 1, max: 4 }) }),
        { minLength: 1, maxLength: 2, selector: (line) => line.productId },
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const products = new Map<string, Product>(shelf);
        const reservations = new Map<string, Reservation>();
        const released = new Set<string>();
        for (const { kind, orderId, lines } of steps) {
          const decision = decide(kind, orderId, lines, reservations.get(orderId), products);
          if (decision === undefined) continue;
          assert.ok(!released.has(orderId), "a released order changes no more");
          reservations.set(orderId, decision.next);
          for (const product of decision.products) products.set(product.id, product);
          if (decision.next.state === "RELEASED") released.add(orderId);
          assertAddsUp(products, reservations);
        }
      }),
    );
  });
});

function decide(
  kind: string,
  orderId: string,
  lines: { productId: string; quantity: number }[],
  reservation: Reservation | undefined,
  products: ReadonlyMap<string, Product>,
): StockDecision | undefined {
  try {
    if (kind === "hold") return holdStock(reservation, { orderId, lines }, products, 0);
    if (kind === "sell") return sellStock(reservation, orderId, products, 0);
    return releaseStock(reservation, orderId, products, 0);
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

function assertAddsUp(products: ReadonlyMap<string, Product>, reservations: ReadonlyMap<string, Reservation>) {
  for (const product of products.values()) {
    const sumOf = (state: string) =>
      [...reservations.values()]
        .filter((reservation) => reservation.state === state)
        .flatMap((reservation) => reservation.lines)
        .filter((line) => line.productId === product.id)
        .reduce((sum, line) => sum + line.quantity, 0);
    assert.equal(product.held, sumOf("HELD"));
    assert.equal(product.sold, sumOf("SOLD"));
    assert.ok(product.available >= 0);
    assert.equal(product.available + product.held + product.sold, shelf.get(product.id)?.available);
  }
}
