import { implement } from "@quartet/chassis/rpc/implement";
import { openServiceCore, type ServiceCore } from "@quartet/chassis/service-core";
import {
  createServiceHost,
  type Service,
  type ServiceOverrides,
  type ServiceParts,
} from "@quartet/chassis/service-host";
import { SampleItemService } from "@quartet/proto/shop/sample_item/v1/sample_item_service_pb";
import { createCreateSampleItem } from "./app/create-sample-item.ts";
import { createDeleteSampleItem } from "./app/delete-sample-item.ts";
import { createUpdateSampleItem } from "./app/update-sample-item.ts";
import type { SampleItemConfig } from "./config.ts";
import { createToOutgoing } from "./events/publish.ts";
import { migrations } from "./migrations.ts";
import { createSampleItemServiceImpl } from "./rpc/sample-item-service.ts";
import { createSampleItemQueries } from "./storage/sample-item-queries.ts";
import { createSampleItemStore } from "./storage/sample-item-store.ts";

/** Puts the parts of sample-item-svc together on its core: the only place that knows every one of them. */
export function createParts(core: ServiceCore): ServiceParts {
  const { database, unitOfWork, pageTokens, now, newId } = core;

  const sampleItems = createSampleItemStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }) });
  const implementation = createSampleItemServiceImpl({
    queries: createSampleItemQueries({ database }),
    createSampleItem: createCreateSampleItem({ sampleItems, now, newId }),
    updateSampleItem: createUpdateSampleItem({ sampleItems, now }),
    deleteSampleItem: createDeleteSampleItem({ sampleItems }),
    pageTokens,
  });

  return {
    registrations: [implement(SampleItemService, implementation)],
    handlers: [],
  };
}

/** Creates sample-item-svc as a service that can run. */
export async function createService(config: SampleItemConfig, overrides: ServiceOverrides = {}): Promise<Service> {
  const core = await openServiceCore({ name: "sample-item-svc", config, migrations, ...overrides });
  return createServiceHost(core, { ...createParts(core), ...overrides });
}
