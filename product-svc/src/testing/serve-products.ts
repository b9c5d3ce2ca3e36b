import { type Client, createClient } from "@connectrpc/connect";
import { createTokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { newId } from "@quartet/chassis/ids";
import { createPageTokens } from "@quartet/chassis/page-token";
import { implement } from "@quartet/chassis/rpc/implement";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { createAdjustStock } from "../app/adjust-stock.ts";
import { createArchiveProduct } from "../app/archive-product.ts";
import { createCreateProduct } from "../app/create-product.ts";
import { createUpdateProduct } from "../app/update-product.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createProductServiceImpl } from "../rpc/product-service.ts";
import { createProductQueries } from "../storage/product-queries.ts";
import { createProductStore } from "../storage/product-store.ts";

/** What a call brings along. */
export interface CallOptions {
  readonly headers: Record<string, string>;
}

/** ProductService over a database of its own, without a network. */
export interface ServedProducts {
  readonly database: Database;
  readonly client: Client<typeof ProductService>;
  /** Options of a call of an administrator, and of a customer. */
  readonly admin: CallOptions;
  readonly customer: CallOptions;
  close(): Promise<void>;
}

/** Serves the products of a new database to the calls of one test. */
export async function serveProducts(): Promise<ServedProducts> {
  const now = Date.now;
  const tokens = createTestTokens();
  const database = await openTestDatabase({ migrations: [migrations] });
  const unitOfWork = createUnitOfWork({ database, now });
  const products = createProductStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }), now });
  const implementation = createProductServiceImpl({
    queries: createProductQueries({ database }),
    createProduct: createCreateProduct({ products, now, newId }),
    adjustStock: createAdjustStock({ products, now }),
    updateProduct: createUpdateProduct({ products, now }),
    archiveProduct: createArchiveProduct({ products, now }),
    pageTokens: createPageTokens({ key: new Uint8Array(32) }),
  });
  const verifier = createTokenVerifier({ keys: tokens.keySet, issuer: "quartet", audience: "quartet", now });
  const registrations = [implement(ProductService, implementation)];
  const callOf = async (user: { userId: string; role?: "admin" }) => ({
    headers: { authorization: `Bearer ${await tokens.sign(user)}` },
  });
  return {
    database,
    client: createClient(ProductService, inMemoryTransport({ registrations, verifier })),
    admin: await callOf({ userId: "root", role: "admin" }),
    customer: await callOf({ userId: "ada" }),
    close: () => database.close(),
  };
}
