import {
  type SampleItem,
  type SampleItemChanges,
  sampleItemNotFound,
  updateSampleItem,
} from "../domain/sample-item.ts";
import type { SampleItemStore } from "./ports.ts";

export type UpdateSampleItem = (input: {
  readonly sampleItemId: string;
  readonly changes: SampleItemChanges;
  readonly expectedVersion: number | undefined;
}) => Promise<SampleItem>;

/**
 * Creates the command that changes a sample item. It throws `not_found` SAMPLE_ITEM_NOT_FOUND, and what the domain
 * refuses.
 */
export function createUpdateSampleItem(deps: {
  sampleItems: Pick<SampleItemStore, "update">;
  now: () => number;
}): UpdateSampleItem {
  return ({ sampleItemId, changes, expectedVersion }) => {
    const now = deps.now();
    return deps.sampleItems.update(sampleItemId, (sampleItem) => {
      if (sampleItem === undefined) throw sampleItemNotFound(sampleItemId);
      return updateSampleItem(sampleItem, changes, expectedVersion, now);
    });
  };
}
