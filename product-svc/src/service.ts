import { implement } from "@quartet/chassis/rpc/implement";
import { openServiceCore, type ServiceCore } from "@quartet/chassis/service-core";
import {
  createServiceHost,
  type Service,
  type ServiceOverrides,
  type ServiceParts,
} from "@quartet/chassis/service-host";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { createAdjustStock } from "./app/adjust-stock.ts";
import { createArchiveProduct } from "./app/archive-product.ts";
import { createCreateProduct } from "./app/create-product.ts";
import { createMoveStock } from "./app/move-stock.ts";
import { createUpdateProduct } from "./app/update-product.ts";
import type { ProductConfig } from "./config.ts";
import { createHandlers } from "./events/consume.ts";
import { createToOutgoing } from "./events/publish.ts";
import { migrations } from "./migrations.ts";
import { createProductServiceImpl } from "./rpc/product-service.ts";
import { createProductQueries } from "./storage/product-queries.ts";
import { createProductStore } from "./storage/product-store.ts";

/** Puts the parts of product-svc together on its core: the only place that knows every one of them. */
export function createParts(core: ServiceCore): ServiceParts {
  const { database, unitOfWork, pageTokens, now, newId } = core;

  const products = createProductStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }), now });
  const implementation = createProductServiceImpl({
    queries: createProductQueries({ database }),
    createProduct: createCreateProduct({ products, now, newId }),
    adjustStock: createAdjustStock({ products, now }),
    updateProduct: createUpdateProduct({ products, now }),
    archiveProduct: createArchiveProduct({ products, now }),
    pageTokens,
  });

  return {
    registrations: [implement(ProductService, implementation)],
    handlers: createHandlers({ moveStock: createMoveStock({ products, now }) }),
    // Only by its claim is a repeated AdjustStock known.
    keepsClaims: true,
  };
}

/** Creates product-svc as a service that can run. */
export async function createService(config: ProductConfig, overrides: ServiceOverrides = {}): Promise<Service> {
  const core = await openServiceCore({ name: "product-svc", config, migrations, ...overrides });
  return createServiceHost(core, { ...createParts(core), ...overrides });
}
