import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { aProduct } from "../testing/builders.ts";
import { type ProductChanges, updateProduct } from "./update-product.ts";

const throwsReason = (reason: string, act: () => unknown) =>
  assert.throws(act, (error) => error instanceof DomainError && error.reason === reason);

describe("updateProduct", () => {
  const cup = aProduct({ version: 3, held: 2, sold: 1 });
  const price = { currency: "USD", minorUnits: 1499 };
  const all = { displayName: "Mug", description: "", category: "gifts", price };

  it("changes what is said, leaves the stock, and raises the version", () => {
    const { next, events } = updateProduct(cup, all, undefined, 9);
    assert.deepEqual(next, { ...cup, ...all, version: 4, updateTime: 9 });
    assert.deepEqual(events, [{ kind: "updated", product: next }]);
  });

  for (const [field, value] of Object.entries(all)) {
    it(`changes ${field} alone`, () => {
      const { next } = updateProduct(cup, { [field]: value }, 3, 9);
      assert.deepEqual(next, { ...cup, [field]: value, version: 4, updateTime: 9 });
    });
  }

  it("takes a new currency with the same number for another price", () => {
    const { next, events } = updateProduct(cup, { price: { ...cup.price, currency: "USD" } }, undefined, 9);
    assert.deepEqual([next.price.currency, next.version, events.length], ["USD", 4, 1]);
  });

  const { displayName, description, category } = cup;
  const asItIs = { displayName, description, category, price: { ...cup.price } };
  for (const changes of [{}, { displayName }, asItIs] satisfies ProductChanges[]) {
    it(`changes and tells nothing when it is told ${Object.keys(changes).length} fields as they are`, () => {
      assert.deepEqual(updateProduct(cup, changes, 3, 9), { next: cup, events: [] });
    });
  }

  it("refuses a change that expects another version, also one that would change nothing", () => {
    throwsReason("ETAG_MISMATCH", () => updateProduct(cup, all, 2, 9));
    throwsReason("ETAG_MISMATCH", () => updateProduct(cup, {}, 4, 9));
  });

  it("refuses an archived product, whatever version is expected and whatever would change", () => {
    const archived = aProduct({ state: "ARCHIVED", version: 3 });
    for (const expected of [undefined, 2, 3]) {
      throwsReason("PRODUCT_ARCHIVED", () => updateProduct(archived, all, expected, 9));
      throwsReason("PRODUCT_ARCHIVED", () => updateProduct(archived, {}, expected, 9));
    }
  });
});
