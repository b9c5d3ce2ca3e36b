import type { ServiceImpl } from "@connectrpc/connect";
import { type PageTokens, readPage } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { type Caller, callerOf, ownsOrAdmin, userOf } from "@quartet/chassis/rpc/caller";
import { expectedVersion } from "@quartet/chassis/rpc/etag";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import {
  CreateSampleItemRequestSchema,
  type SampleItemService,
} from "@quartet/proto/shop/sample_item/v1/sample_item_service_pb";
import type { CreateSampleItem } from "../app/create-sample-item.ts";
import type { DeleteSampleItem } from "../app/delete-sample-item.ts";
import type { SampleItemQueries } from "../app/ports.ts";
import type { UpdateSampleItem } from "../app/update-sample-item.ts";
import { type SampleItem, sampleItemNotFound } from "../domain/sample-item.ts";
import { toSampleItemChanges } from "./sample-item-changes.ts";
import { toSampleItemMessage } from "./sample-item-message.ts";

/**
 * Creates the implementation of SampleItemService. That a caller is a user is the contract's policy, enforced before
 * it; whose sample item it is, is checked here, and a stranger's is answered as if there were none.
 */
export function createSampleItemServiceImpl(deps: {
  queries: SampleItemQueries;
  createSampleItem: CreateSampleItem;
  updateSampleItem: UpdateSampleItem;
  deleteSampleItem: DeleteSampleItem;
  pageTokens: PageTokens;
}): ServiceImpl<typeof SampleItemService> {
  const { queries, pageTokens } = deps;

  const getOwn = async (sampleItemId: string, caller: Caller): Promise<SampleItem> => {
    const sampleItem = await queries.get(sampleItemId);
    if (sampleItem === undefined || !ownsOrAdmin(caller, sampleItem.userId)) throw sampleItemNotFound(sampleItemId);
    return sampleItem;
  };

  return {
    async createSampleItem(request, context) {
      const { displayName } = request;
      const { userId } = userOf(context);
      const claim = requestClaim(context, CreateSampleItemRequestSchema, request);
      return toSampleItemMessage(await deps.createSampleItem({ userId, displayName }, claim));
    },

    async getSampleItem({ name }, context) {
      return toSampleItemMessage(await getOwn(fromName("sampleItems", name), callerOf(context)));
    },

    async listSampleItems(request, context) {
      const { userId } = userOf(context);
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "sampleItems", userId },
        read: (afterId: string | undefined, limit) => queries.list({ userId, afterId, limit }),
        cursorOf: (sampleItem) => sampleItem.id,
      });
      return { sampleItems: items.map(toSampleItemMessage), nextPageToken };
    },

    async updateSampleItem({ sampleItem, updateMask }, context) {
      const { name = "", etag = "" } = sampleItem ?? {};
      const { id } = await getOwn(fromName("sampleItems", name, "sample_item.name"), callerOf(context));
      const changes = sampleItem === undefined ? {} : toSampleItemChanges(sampleItem, updateMask);
      return toSampleItemMessage(
        await deps.updateSampleItem({ sampleItemId: id, changes, expectedVersion: expectedVersion(etag) }),
      );
    },

    async deleteSampleItem({ name, etag }, context) {
      const { id } = await getOwn(fromName("sampleItems", name), callerOf(context));
      await deps.deleteSampleItem({ sampleItemId: id, expectedVersion: expectedVersion(etag) });
      return {};
    },
  };
}
