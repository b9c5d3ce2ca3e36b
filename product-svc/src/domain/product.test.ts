import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { aProduct } from "../testing/builders.ts";
import { adjustStock, availableMax, createProduct } from "./product.ts";

describe("createProduct", () => {
  it("makes an active product of version 1 whose first stock is available", () => {
    const input = {
      displayName: "Cup",
      description: "",
      category: "kitchen",
      price: { currency: "EUR", minorUnits: 1299 },
      initialQuantity: 7,
    };
    const { next, events } = createProduct(input, "cup", 1_000);
    assert.deepEqual(next, aProduct({ description: "", available: 7, createTime: 1_000, updateTime: 1_000 }));
    assert.deepEqual(events, [{ kind: "created", product: next }]);
  });
});

describe("adjustStock", () => {
  it("adds and takes away, and raises the version", () => {
    const { next, events } = adjustStock(aProduct({ available: 3, held: 2 }), -3, 5);
    assert.deepEqual(next, aProduct({ available: 0, held: 2, version: 2, updateTime: 5 }));
    assert.deepEqual(events, [{ kind: "updated", product: next }]);
  });

  it("never takes what is held for orders", () => {
    assert.throws(
      () => adjustStock(aProduct({ available: 3, held: 2 }), -4, 5),
      (error) =>
        error instanceof DomainError && error.reason === "INSUFFICIENT_STOCK" && error.metadata.available === "3",
    );
  });

  it("refuses more than a stock can hold", () => {
    assert.throws(
      () => adjustStock(aProduct({ available: availableMax }), 1, 5),
      (error) => error instanceof DomainError && error.reason === "STOCK_LIMIT_EXCEEDED",
    );
  });

  it("takes away also while there is more than a stock can hold, as after cancelled orders", () => {
    const overfull = aProduct({ available: availableMax + 1_000 });
    assert.equal(adjustStock(overfull, -1, 5).next.available, availableMax + 999);
  });

  it("takes away what an archived product has left, and adds nothing to it", () => {
    const archived = aProduct({ state: "ARCHIVED", available: 3 });
    const { next, events } = adjustStock(archived, -3, 5);
    assert.deepEqual(next, { ...archived, available: 0, version: 2, updateTime: 5 });
    assert.deepEqual(events, [{ kind: "updated", product: next }]);
    assert.throws(
      () => adjustStock(archived, 1, 5),
      (error) =>
        error instanceof DomainError &&
        error.reason === "PRODUCT_ARCHIVED" &&
        error.metadata.product === "products/cup",
    );
  });
});
