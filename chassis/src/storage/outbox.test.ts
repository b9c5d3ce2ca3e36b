import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openTestDatabase } from "../testing/test-database.ts";
import type { Database } from "./database.ts";
import type { OutgoingEvent } from "./messages.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

describe("outbox", () => {
  let database: Database;
  let outbox: Outbox;

  beforeEach(async () => {
    database = await openTestDatabase();
    outbox = createOutbox({ database });
  });
  afterEach(() => database.close());

  const event = (id: string, aggregate: string): OutgoingEvent => {
    const bytes = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
    return { id, type: "shelf.v1.ThingMoved", aggregate, version: 1, payload: bytes };
  };
  const append = (time: number, ...ids: string[]) =>
    database.transact(() => {
      outbox.append(
        ids.map((id) => event(id, `things/${id[0]}`)),
        time,
        {},
      );
    });
  const pendingIds = (options: Partial<Parameters<Outbox["pending"]>[0]> = {}) =>
    outbox.pending({ limit: 100, ...options }).map(({ id }) => id);

  it("lists what waits in commit order, in pages", async () => {
    await append(1, "b1", "a1");
    await append(2, "a2");
    assert.deepEqual(pendingIds(), ["b1", "a1", "a2"]);
    assert.deepEqual(pendingIds({ limit: 2 }), ["b1", "a1"]);
    assert.deepEqual(pendingIds({ afterSeq: 2 }), ["a2"]);
  });

  it("keeps the bytes of an event, even of a view into a larger buffer", async () => {
    await append(1, "a1");
    assert.deepEqual([...(outbox.pending({ limit: 1 })[0]?.payload ?? [])], [1, 2]);
  });

  it("leaves out the aggregates it is told to, and only those", async () => {
    await append(1, "a1", "b1", "a2", "c1");
    assert.deepEqual(pendingIds({ excludedAggregates: new Set(["things/a", "things/c"]) }), ["b1"]);
  });

  it("lists an event until it is marked as sent, and remembers when that was", async () => {
    await append(1, "a1", "a2", "a3");
    await outbox.markSent([1, 3], 50);
    await outbox.markSent([3], 60);
    await outbox.markSent([], 70);
    assert.deepEqual(pendingIds(), ["a2"]);
    assert.deepEqual(["a1", "a2", "a3", "none"].map(outbox.sentTimeOf), [50, undefined, 50, undefined]);
  });

  it("counts what waits and tells since when", async () => {
    assert.deepEqual([outbox.unsentCount(), outbox.oldestUnsentTime()], [0, undefined]);
    await append(10, "a1");
    await append(20, "a2");
    await outbox.markSent([1], 50);
    assert.deepEqual([outbox.unsentCount(), outbox.oldestUnsentTime()], [1, 20]);
  });

  it("makes events of some types wait again that were sent since a time, in their order and among the others", async () => {
    const ids = Array.from({ length: 2_500 }, (_, index) => `a${index + 1}`);
    await append(1, ...ids);
    await database.transact(() => outbox.append([{ ...event("b1", "things/b"), type: "shelf.v1.ThingSeen" }], 1, {}));
    const seqs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
    await outbox.markSent(seqs(1, 10), 49);
    await outbox.markSent([...seqs(11, 2_400), 2_501], 50);
    await outbox.markSent(seqs(2_401, 2_450), 60);
    const types = ["shelf.v1.ThingMoved", "shelf.v1.ThingMade"];
    assert.equal(await outbox.sendAgain({ types, fromTime: 50 }), 2_440);
    assert.deepEqual(pendingIds({ limit: 3_000 }), ids.slice(10));
    assert.deepEqual(["a10", "a11", "a2401", "b1"].map(outbox.sentTimeOf), [49, undefined, undefined, 50]);
    assert.equal(await outbox.sendAgain({ types, fromTime: 50 }), 0);
    const again = "SELECT min(seq), max(seq), count(*), max(sent_again) FROM outbox WHERE sent_again > 0";
    assert.deepEqual(database.sqlite.prepare(again).raw().get(), [11, 2_450, 2_440, 1]);
  });

  it("stops on the way to that when it is told to", async () => {
    const ids = Array.from({ length: 3_000 }, (_, index) => `a${index + 1}`);
    await append(1, ...ids);
    await outbox.markSent(
      ids.map((_, index) => index + 1),
      50,
    );
    const stopping = new AbortController();
    const options = { types: ["shelf.v1.ThingMade", "shelf.v1.ThingMoved"], fromTime: 50, signal: stopping.signal };
    const sending = outbox.sendAgain(options);
    stopping.abort(new Error("told to"));
    await assert.rejects(sending, /told to/);
    assert.equal(outbox.unsentCount(), 1_000);
  });

  it("removes what was sent long ago, oldest first and no more than asked", async () => {
    await append(1, "a1", "a2", "a3", "a4");
    await outbox.markSent([2], 10);
    await outbox.markSent([1], 20);
    await outbox.markSent([3], 30);
    assert.equal(await outbox.cleanUp(30, 1), 1);
    assert.equal(outbox.sentTimeOf("a2"), undefined);
    assert.equal(await outbox.cleanUp(30, 5), 1);
    assert.equal(outbox.sentTimeOf("a3"), 30);
    assert.deepEqual(pendingIds(), ["a4"]);
  });

  it("never gives a position twice, also after the last row was removed", async () => {
    await append(1, "a1");
    await outbox.markSent([1], 10);
    await outbox.cleanUp(11, 1);
    await append(2, "a2");
    assert.equal(outbox.pending({ limit: 1 })[0]?.seq, 2);
  });
});
