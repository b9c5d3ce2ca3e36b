import { implement } from "@quartet/chassis/rpc/implement";
import { openServiceCore } from "@quartet/chassis/service-core";
import { createServiceHost, type Service, type ServiceOverrides } from "@quartet/chassis/service-host";
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

/** Puts product-svc together: the only place that knows every part of it. */
export async function createService(config: ProductConfig, overrides: ServiceOverrides = {}): Promise<Service> {
  const core = await openServiceCore({ name: "product-svc", config, migrations, ...overrides });
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

  return createServiceHost(core, {
    registrations: [implement(ProductService, implementation)],
    handlers: createHandlers({ moveStock: createMoveStock({ products, now }) }),
    ...overrides,
  });
}
