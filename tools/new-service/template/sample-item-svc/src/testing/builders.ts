import type { SampleItem } from "../domain/sample-item.ts";

/** What its owner says about the sample item to test with. */
export const theFirst = { displayName: "The first" };

/** A sample item to test with: Ada's first. */
export function aSampleItem(changes: Partial<SampleItem> = {}): SampleItem {
  return { id: "1", userId: "ada", ...theFirst, version: 1, createTime: 0, updateTime: 0, ...changes };
}
