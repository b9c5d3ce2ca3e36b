import type { SampleItem } from "../domain/sample-item.ts";

/** A sample item to test with: Ada's first. */
export function aSampleItem(changes: Partial<SampleItem> = {}): SampleItem {
  return {
    id: "1",
    userId: "ada",
    displayName: "The first",
    version: 1,
    createTime: 0,
    updateTime: 0,
    ...changes,
  };
}
