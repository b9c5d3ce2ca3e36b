import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { toName } from "@quartet/chassis/resource-name";
import { toEtag } from "@quartet/chassis/rpc/etag";
import {
  type SampleItem as SampleItemMessage,
  SampleItemSchema,
} from "@quartet/proto/shop/sample_item/v1/sample_item_pb";
import type { SampleItem } from "../domain/sample-item.ts";

/** Returns the message of a sample item. */
export function toSampleItemMessage(sampleItem: SampleItem): SampleItemMessage {
  return create(SampleItemSchema, {
    name: toName("sampleItems", sampleItem.id),
    user: toName("users", sampleItem.userId),
    displayName: sampleItem.displayName,
    version: BigInt(sampleItem.version),
    createTime: timestampFromMs(sampleItem.createTime),
    updateTime: timestampFromMs(sampleItem.updateTime),
    etag: toEtag(sampleItem.version),
  });
}
