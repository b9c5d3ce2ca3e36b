import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { aProduct, productsById } from "../testing/builders.ts";
import { archiveProduct } from "./archive-product.ts";
import { holdStock, releaseStock, sellStock } from "./reservation.ts";

describe("archiveProduct", () => {
  it("archives, leaves the stock, and raises the version", () => {
    const cup = aProduct({ version: 3, held: 2 });
    const { next, events } = archiveProduct(cup, 3, 9);
    assert.deepEqual(next, { ...cup, state: "ARCHIVED", version: 4, updateTime: 9 });
    assert.deepEqual(events, [{ kind: "archived", product: next }]);
  });

  it("refuses when another version is expected", () => {
    assert.throws(
      () => archiveProduct(aProduct({ version: 3 }), 2, 9),
      (error) => error instanceof DomainError && error.reason === "ETAG_MISMATCH",
    );
  });

  it("leaves an archived product as it is, whatever version is expected, so that a repeated call succeeds", () => {
    const { next } = archiveProduct(aProduct({ version: 3 }), 3, 9);
    for (const expected of [undefined, 3, 4, 99]) {
      assert.deepEqual(archiveProduct(next, expected, 10), { next, events: [] });
    }
  });

  it("lets no order hold the product from then on, and those that hold it sell it and give it back", () => {
    const order = { orderId: "o1", lines: [{ productId: "cup", quantity: 2 }] };
    const held = holdStock(undefined, order, productsById(aProduct()), 1) ?? assert.fail();
    const archived = archiveProduct(held.products[0] ?? assert.fail(), undefined, 2).next;

    const late = holdStock(undefined, { ...order, orderId: "o2" }, productsById(archived), 3);
    assert.deepEqual([late?.next.state, late?.products], ["REJECTED", []]);
    const sold = sellStock(held.next, "o1", productsById(archived), 3);
    assert.deepEqual(sold?.products, [{ ...archived, held: 0, sold: 2 }]);
    const released = releaseStock(sold?.next, "o1", productsById(...(sold?.products ?? [])), 4);
    assert.deepEqual(released?.products, [{ ...archived, available: 10, held: 0, sold: 0 }]);
  });
});
