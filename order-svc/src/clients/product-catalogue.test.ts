import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@quartet/chassis/domain-error";
import { implementPartly } from "@quartet/chassis/testing/partial-service";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { Product_State, ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { describe, it } from "mocha";
import { createProductCatalogue } from "./product-catalogue.ts";

type BatchGet = ServiceImpl<typeof ProductService>["batchGetProducts"];

const warnings: unknown[] = [];

const patience = { timeoutMs: 60_000, missingTimeoutMs: 60_000 };

function catalogueAnsweredBy(batchGetProducts: BatchGet, timeouts = patience) {
  const transport = inMemoryTransport({ registrations: [implementPartly(ProductService, { batchGetProducts })] });
  const log = { warn: (...line: unknown[]) => void warnings.push(line) };
  return createProductCatalogue({ client: createClient(ProductService, transport), log, ...timeouts });
}

describe("the view of product-svc's catalogue", () => {
  it("asks for all products in one call and returns what placing an order needs", async () => {
    const asked: (readonly string[])[] = [];
    const catalogue = catalogueAnsweredBy(({ names }) => {
      asked.push(names);
      const base = { price: { currency: "EUR", minorUnits: 1299n }, version: 3n, displayName: "Cup" };
      return {
        products: [
          create(ProductSchema, { ...base, name: "products/cup", state: Product_State.ACTIVE }),
          create(ProductSchema, { ...base, name: "products/mug", state: Product_State.ARCHIVED }),
        ],
      };
    });
    const described = { version: 3, displayName: "Cup", price: { currency: "EUR", minorUnits: 1299 } };
    assert.deepEqual(await catalogue.fetch(["cup", "mug"], "fresher"), {
      kind: "found",
      products: [
        { ...described, id: "cup", archived: false },
        { ...described, id: "mug", archived: true },
      ],
    });
    assert.deepEqual(asked, [["products/cup", "products/mug"]]);
  });

  it("tells which product does not exist", async () => {
    const catalogue = catalogueAnsweredBy(() => {
      const metadata = { product: "products/mug" };
      throw new DomainError("not_found", "PRODUCT_NOT_FOUND", "products/mug does not exist", { metadata });
    });
    assert.deepEqual(await catalogue.fetch(["cup", "mug"], "fresher"), { kind: "unknown", productId: "mug" });
  });

  for (const code of [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted]) {
    it(`counts ${Code[code]} as no answer`, async () => {
      const catalogue = catalogueAnsweredBy(() => {
        throw new ConnectError("no", code);
      });
      const before = warnings.length;
      assert.deepEqual(await catalogue.fetch(["cup"], "fresher"), { kind: "unavailable" });
      assert.equal(warnings.length, before);
    });
  }

  it("counts a defect over there as no answer, and says so in the log", async () => {
    const catalogue = catalogueAnsweredBy(() => {
      throw new Error("oops");
    });
    const before = warnings.length;
    assert.deepEqual(await catalogue.fetch(["cup"], "fresher"), { kind: "unavailable" });
    assert.equal(warnings.length, before + 1);
  });

  describe("an answer that does not come", () => {
    const unanswered = (timeouts: typeof patience) =>
      catalogueAnsweredBy(
        (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
        timeouts,
      );
    const waits = async (asked: Promise<unknown>) => {
      const startTime = performance.now();
      assert.deepEqual(await asked, { kind: "unavailable" });
      return performance.now() - startTime;
    };

    it("is waited for shortly where an older price is known", async () => {
      await waits(unanswered({ timeoutMs: 1, missingTimeoutMs: 60_000 }).fetch(["cup"], "fresher"));
    });

    it("is waited for longer where none is, and never for less than for a fresher one", async () => {
      const longer = await waits(unanswered({ timeoutMs: 1, missingTimeoutMs: 300 }).fetch(["cup"], "missing"));
      assert.ok(longer >= 299, `${longer} ms`);
      const notLess = await waits(unanswered({ timeoutMs: 300, missingTimeoutMs: 1 }).fetch(["cup"], "missing"));
      assert.ok(notLess >= 299, `${notLess} ms`);
    });

    it("is waited for longer by a few only, and by others once those are gone", async () => {
      const catalogue = unanswered({ timeoutMs: 1, missingTimeoutMs: 1_000 });
      const asked = Array.from({ length: 20 }, () => waits(catalogue.fetch(["cup"], "missing")));
      assert.equal((await Promise.all(asked)).filter((ms) => ms >= 999).length, 8);
      assert.ok((await waits(catalogue.fetch(["cup"], "missing"))) >= 999);
    });
  });
});
