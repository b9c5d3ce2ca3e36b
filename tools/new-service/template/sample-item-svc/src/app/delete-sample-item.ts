import { deleteSampleItem, sampleItemNotFound } from "../domain/sample-item.ts";
import type { SampleItemStore } from "./ports.ts";

export type DeleteSampleItem = (input: {
  readonly sampleItemId: string;
  readonly expectedVersion: number | undefined;
}) => Promise<void>;

/**
 * Creates the command that deletes a sample item. It throws `not_found` SAMPLE_ITEM_NOT_FOUND, and what the domain
 * refuses.
 */
export function createDeleteSampleItem(deps: { sampleItems: Pick<SampleItemStore, "delete"> }): DeleteSampleItem {
  return ({ sampleItemId, expectedVersion }) =>
    deps.sampleItems.delete(sampleItemId, (sampleItem) => {
      if (sampleItem === undefined) throw sampleItemNotFound(sampleItemId);
      return deleteSampleItem(sampleItem, expectedVersion);
    });
}
