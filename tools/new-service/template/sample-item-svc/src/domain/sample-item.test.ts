import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { aSampleItem, theFirst } from "../testing/builders.ts";
import { createSampleItem, deleteSampleItem, updateSampleItem } from "./sample-item.ts";

const isStale = (error: unknown) => error instanceof DomainError && error.reason === "ETAG_MISMATCH";

describe("createSampleItem", () => {
  it("makes the first version, and tells of it", () => {
    const { next, events } = createSampleItem({ userId: "ada", ...theFirst }, "1", 1_000);
    assert.deepEqual(next, aSampleItem({ createTime: 1_000, updateTime: 1_000 }));
    assert.deepEqual(events, [{ kind: "created", sampleItem: next }]);
  });
});

describe("updateSampleItem", () => {
  it("changes what it is told and raises the version", () => {
    const { next } = updateSampleItem(aSampleItem(), { displayName: "Another" }, 1, 5);
    assert.deepEqual(next, aSampleItem({ displayName: "Another", version: 2, updateTime: 5 }));
  });

  it("leaves the version when nothing changes", () => {
    for (const changes of [{}, theFirst]) {
      assert.deepEqual(updateSampleItem(aSampleItem(), changes, undefined, 5), { next: aSampleItem(), events: [] });
    }
  });

  it("refuses a change of another version than expected", () => {
    assert.throws(() => updateSampleItem(aSampleItem({ version: 3 }), { displayName: "Another" }, 2, 5), isStale);
  });
});

describe("deleteSampleItem", () => {
  it("deletes the version that is expected, or any", () => {
    for (const expected of [1, undefined]) deleteSampleItem(aSampleItem(), expected);
    assert.throws(() => deleteSampleItem(aSampleItem({ version: 2 }), 1), isStale);
  });
});
