import { DomainError, requireVersion } from "@quartet/chassis/domain-error";

/** A sample item of a user. Times are ms since the epoch. */
export interface SampleItem {
  readonly id: string;
  readonly userId: string;
  readonly displayName: string;
  /** Rises with every change. */
  readonly version: number;
  readonly createTime: number;
  readonly updateTime: number;
}

/** A fact about a sample item, to be published. */
export interface SampleItemEvent {
  readonly kind: "created";
  readonly sampleItem: SampleItem;
}

/** What a decision about a sample item comes to. */
export interface SampleItemDecision {
  readonly next: SampleItem;
  readonly events: readonly SampleItemEvent[];
}

/** What there is to say about a new sample item. */
export type NewSampleItem = Omit<SampleItem, "id" | "version" | "createTime" | "updateTime">;

/** What its owner can say anew about a sample item; what is left out stays as it is. */
export type SampleItemChanges = Partial<Omit<NewSampleItem, "userId">>;

/** Creates a sample item. */
export function createSampleItem(input: NewSampleItem, id: string, now: number): SampleItemDecision {
  const next: SampleItem = { id, ...input, version: 1, createTime: now, updateTime: now };
  return { next, events: [{ kind: "created", sampleItem: next }] };
}

/**
 * Changes a sample item. A change that changes nothing leaves the version as it is. Throws `aborted` ETAG_MISMATCH when
 * another version is expected than the sample item has.
 */
export function updateSampleItem(
  sampleItem: SampleItem,
  changes: SampleItemChanges,
  expectedVersion: number | undefined,
  now: number,
): SampleItemDecision {
  requireVersion(sampleItem.version, expectedVersion);
  if (changesNothing(sampleItem, changes)) return { next: sampleItem, events: [] };
  return { next: { ...sampleItem, ...changes, version: sampleItem.version + 1, updateTime: now }, events: [] };
}

/** Lets a sample item be deleted. Throws `aborted` ETAG_MISMATCH when another version is expected than it has. */
export function deleteSampleItem(
  sampleItem: SampleItem,
  expectedVersion: number | undefined,
): Pick<SampleItemDecision, "events"> {
  requireVersion(sampleItem.version, expectedVersion);
  return { events: [] };
}

/** The error for a sample item that does not exist, or that the caller may not know of. */
export function sampleItemNotFound(sampleItemId: string): DomainError {
  const name = `sampleItems/${sampleItemId}`;
  return new DomainError("not_found", "SAMPLE_ITEM_NOT_FOUND", `${name} does not exist`, {
    metadata: { sample_item: name },
  });
}

function changesNothing(sampleItem: SampleItem, changes: SampleItemChanges): boolean {
  const fields = Object.keys(changes) as (keyof SampleItemChanges)[];
  return fields.every((field) => changes[field] === sampleItem[field]);
}
