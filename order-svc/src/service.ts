import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@quartet/chassis/rpc/client/grpc-transport";
import { implement } from "@quartet/chassis/rpc/implement";
import { openServiceCore, type ServiceCore } from "@quartet/chassis/service-core";
import {
  createServiceHost,
  type Service,
  type ServiceOverrides,
  type ServiceParts,
} from "@quartet/chassis/service-host";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { createCancelOrder } from "./app/cancel-order.ts";
import { createCancelOrdersOfDeletedUsers } from "./app/cancel-orders-of-deleted-users.ts";
import { createCreateOrder } from "./app/create-order.ts";
import { createExpireOrders } from "./app/expire-orders.ts";
import { createGatherPrices } from "./app/gather-prices.ts";
import { createRecordFacts } from "./app/record-facts.ts";
import { createRecordProduct } from "./app/record-product.ts";
import { createRecordUserDeleted } from "./app/record-user-deleted.ts";
import { createProductCatalogue } from "./clients/product-catalogue.ts";
import type { OrderConfig } from "./config.ts";
import { createHandlers } from "./events/consume.ts";
import { toOutgoing } from "./events/publish.ts";
import { migrations } from "./migrations.ts";
import { createMoments } from "./moment.ts";
import { createOrderServiceImpl } from "./rpc/order-service.ts";
import { createWatchOrder } from "./rpc/watch-order.ts";
import { createDeletedUsers } from "./storage/deleted-users.ts";
import { createOrderQueries } from "./storage/order-queries.ts";
import { createOrderStore } from "./storage/order-store.ts";
import { createProductReplica } from "./storage/product-replica.ts";
import { createSweeper } from "./sweeper.ts";
import { createTimelineWatches } from "./timeline-watches.ts";

/** Puts the parts of order-svc together on its core: the only place that knows every one of them. */
export function createParts(
  core: ServiceCore,
  config: OrderConfig,
  neighbours: { readonly productClient: Pick<Client<typeof ProductService>, "batchGetProducts"> },
): ServiceParts {
  const { database, unitOfWork, pageTokens, contact, metrics, log, now, newId } = core;
  const { productTimeoutMs: timeoutMs, missingPriceTimeoutMs: missingTimeoutMs } = config;
  const { priceMaxAgeMs, stepDeadlineMs, cancelWindowMs, watchHeartbeatMs: heartbeatMs } = config;
  const { watchesMax, watchesPerUserMax } = config;
  const moment = createMoments({ now, newId });

  const queries = createOrderQueries({ database });
  const watches = createTimelineWatches({ queries, metrics, log, watchesMax, watchesPerUserMax });
  const orders = createOrderStore({ database, unitOfWork, toOutgoing, onChange: watches.tell });
  const deletedUsers = createDeletedUsers({ database, unitOfWork, now });
  const products = createProductReplica({ database, unitOfWork });
  const { productClient: client } = neighbours;
  const catalogue = createProductCatalogue({ client, log, timeoutMs, missingTimeoutMs });

  const gatherPrices = createGatherPrices({ products, catalogue, now, priceMaxAgeMs });
  const implementation = createOrderServiceImpl({
    queries,
    createOrder: createCreateOrder({ orders, gatherPrices, moment, newId }),
    cancelOrder: createCancelOrder({ orders, moment, cancelWindowMs }),
    watchOrder: createWatchOrder({ queries, watches, heartbeatMs }),
    pageTokens,
  });
  const deadlineSweeper = createSweeper({
    what: "orders that took too long",
    batch: createExpireOrders({ orders, contact, moment, now, stepDeadlineMs }),
    log,
  });
  const deletedUserSweeper = createSweeper({
    what: "open orders of deleted users",
    batch: createCancelOrdersOfDeletedUsers({ orders, deletedUsers, moment }),
    log,
  });

  return {
    registrations: [implement(OrderService, implementation)],
    handlers: createHandlers({
      recordFacts: createRecordFacts({ orders, moment }),
      recordProduct: createRecordProduct({ products, now }),
      recordUserDeleted: createRecordUserDeleted({ deletedUsers, onRecorded: deletedUserSweeper.wake }),
    }),
    workers: [deadlineSweeper, deletedUserSweeper],
  };
}

/** Creates order-svc as a service that can run. */
export async function createService(config: OrderConfig, overrides: ServiceOverrides = {}): Promise<Service> {
  const core = await openServiceCore({ name: "order-svc", config, migrations, ...overrides });
  const transport = createGrpcTransport({ target: config.productTarget, services: [ProductService], now: core.now });
  const parts = createParts(core, config, { productClient: createClient(ProductService, transport) });
  return createServiceHost(core, { ...parts, close: () => transport.close(), ...overrides });
}
