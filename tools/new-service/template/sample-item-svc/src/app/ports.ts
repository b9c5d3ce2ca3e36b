import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { SampleItem, SampleItemDecision } from "../domain/sample-item.ts";

/**
 * Keeps sample items. Each write is one transaction: load, decide, save, append the events to the outbox, and claim the
 * request that caused it. A decision may be run more than once, so it must be pure.
 */
export interface SampleItemStore {
  /**
   * Saves a new sample item. A repeated request returns the sample item it made, as it is now, and rejects with
   * `not_found` SAMPLE_ITEM_NOT_FOUND when that is deleted.
   */
  create(request: RequestClaim | undefined, decide: () => SampleItemDecision): Promise<SampleItem>;
  /** Changes a sample item to what is decided. */
  update(sampleItemId: string, decide: (sampleItem: SampleItem | undefined) => SampleItemDecision): Promise<SampleItem>;
  /** Deletes a sample item, unless the decision throws. */
  delete(
    sampleItemId: string,
    decide: (sampleItem: SampleItem | undefined) => Pick<SampleItemDecision, "events">,
  ): Promise<void>;
}

/** What the reads need. They go from rpc/ straight to storage/. */
export interface SampleItemQueries {
  get(sampleItemId: string): Promise<SampleItem | undefined>;
  /** Up to `limit` sample items of a user, newest first, after the sample item `afterId`. */
  list(query: { userId: string; afterId: string | undefined; limit: number }): Promise<readonly SampleItem[]>;
}
