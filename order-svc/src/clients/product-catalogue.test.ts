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
    /** A catalogue whose calls last until they are given up, and how long each of them was given. */
    const unanswered = (timeouts: typeof patience) => {
      const givenMs: (number | undefined)[] = [];
      const { promise, reject } = Promise.withResolvers<never>();
      const batchGetProducts = (_: unknown, options?: { timeoutMs?: number }) => {
        givenMs.push(options?.timeoutMs);
        return promise;
      };
      const catalogue = createProductCatalogue({ client: { batchGetProducts }, log: { warn: () => {} }, ...timeouts });
      return { catalogue, givenMs, giveUp: () => reject(new ConnectError("too late", Code.DeadlineExceeded)) };
    };

    it("is waited for longer where no older price is known, and never for less than a fresher one", async () => {
      for (const [timeouts, expected] of [
        [{ timeoutMs: 100, missingTimeoutMs: 2_000 }, [100, 2_000]],
        [{ timeoutMs: 3_000, missingTimeoutMs: 2_000 }, [3_000, 3_000]],
      ] as const) {
        const { catalogue, givenMs, giveUp } = unanswered(timeouts);
        const asked = (["fresher", "missing"] as const).map((need) => catalogue.fetch(["cup"], need));
        giveUp();
        assert.deepEqual(await Promise.all(asked), [{ kind: "unavailable" }, { kind: "unavailable" }]);
        assert.deepEqual(givenMs, expected);
      }
    });

    it("is waited for longer by a few only, and by others once those are gone", async () => {
      const { catalogue, givenMs, giveUp } = unanswered({ timeoutMs: 100, missingTimeoutMs: 2_000 });
      const asked = Array.from({ length: 20 }, () => catalogue.fetch(["cup"], "missing"));
      assert.deepEqual(givenMs, [...Array(8).fill(2_000), ...Array(12).fill(100)]);
      giveUp();
      await Promise.all(asked);
      await catalogue.fetch(["cup"], "missing");
      assert.equal(givenMs.at(-1), 2_000);
    });

    it("is given up when its time is over", async () => {
      const catalogue = catalogueAnsweredBy(
        (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
        { timeoutMs: 1, missingTimeoutMs: 1 },
      );
      assert.deepEqual(await catalogue.fetch(["cup"], "fresher"), { kind: "unavailable" });
    });
  });
});
