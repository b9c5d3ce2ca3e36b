import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import { createSampleItem, type NewSampleItem, type SampleItem } from "../domain/sample-item.ts";
import type { SampleItemStore } from "./ports.ts";

export type CreateSampleItem = (input: NewSampleItem, request: RequestClaim | undefined) => Promise<SampleItem>;

/** Creates the command that creates a sample item, once for each request id. */
export function createCreateSampleItem(deps: {
  sampleItems: Pick<SampleItemStore, "create">;
  now: () => number;
  newId: () => string;
}): CreateSampleItem {
  return (input, request) => {
    const [id, now] = [deps.newId(), deps.now()];
    return deps.sampleItems.create(request, () => createSampleItem(input, id, now));
  };
}
