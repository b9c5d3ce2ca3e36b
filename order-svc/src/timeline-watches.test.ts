import assert from "node:assert/strict";
import { createMetrics } from "@quartet/chassis/metrics";
import { eventually } from "@quartet/chassis/testing/eventually";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { TimelineWatch } from "./app/ports.ts";
import { createTimelineWatches, type LiveTimelines } from "./timeline-watches.ts";

const watchesMax = 200;
const watchesPerUserMax = 100;
// Longer than any test may take: whatever ends such a wait was news.
const timeoutMs = 3_600_000;

describe("the watches of timelines", () => {
  let watches: LiveTimelines;
  let lastSequences: Map<string, number>;
  let asked: (readonly string[])[];
  let failures: number;
  let opened: TimelineWatch[];
  let gone: AbortController;

  beforeEach(() => {
    lastSequences = new Map();
    asked = [];
    failures = 0;
    opened = [];
    gone = new AbortController();
    const queries = {
      async lastSequences(orderIds: readonly string[]) {
        asked.push(orderIds);
        if (failures > 0) throw new Error("busy");
        return lastSequences;
      },
    };
    const log = { error: () => void failures-- };
    const metrics = createMetrics({ service: "test" });
    watches = createTimelineWatches({ queries, metrics, log, watchesMax, watchesPerUserMax });
  });
  afterEach(() => {
    gone.abort();
    for (const watch of opened) watch.close();
  });

  const open = (orderId: string, userId = `user${opened.length}`) => {
    const watch = watches.open(orderId, userId);
    opened.push(watch);
    return watch;
  };
  const changed = (watch: TimelineWatch, lastSequence = 0, waitMs = timeoutMs) =>
    watch.changed({ lastSequence, timeoutMs: waitMs, signal: gone.signal });

  it("tell those who watch an order of its change, and nobody else", async () => {
    const [one, two, other] = [open("o1"), open("o1"), open("o2")];
    let told = false;
    const waits = [changed(one), changed(two)];
    const otherWaits = changed(other).then(
      () => assert.fail("told of another order"),
      () => {
        told = true;
      },
    );
    watches.tell("o1");
    watches.tell("o3");
    await Promise.all(waits);
    assert.equal(told, false);
    gone.abort();
    await otherWaits;
  });

  it("keep a change that comes while nobody waits, once", async () => {
    const watch = open("o1");
    watches.tell("o1");
    watches.tell("o1");
    await changed(watch);
    await changed(watch, 0, 1);
    assert.deepEqual(asked, []);
  });

  it("find by one question for all what another process has written, and wake only whom it concerns", async () => {
    const readers = Array.from({ length: watchesMax }, (_, index) => open(`o${index}`));
    lastSequences = new Map(readers.map((_, index) => [`o${index}`, 5]));
    const behind = changed(readers[0] ?? assert.fail(), 4);
    const upToDate = readers.slice(1).map((reader) => changed(reader, 5));
    let woken = 0;
    for (const wait of upToDate) wait.then(() => woken++).catch(() => {});
    await behind;
    assert.deepEqual(
      asked.map((orderIds) => orderIds.length),
      [watchesMax],
    );
    await eventually("it asks again", () => asked.length >= 2);
    assert.equal(woken, 0);
    gone.abort();
    await Promise.allSettled(upToDate);
  });

  it("go on asking after a question failed", async () => {
    failures = 1;
    lastSequences = new Map([["o1", 1]]);
    await changed(open("o1"));
    assert.equal(asked.length, 2);
  });

  it("ask nothing when nobody watches", async () => {
    const watch = open("o1");
    watch.close();
    watch.close();
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.deepEqual(asked, []);
  });

  it("leave a wait as soon as its signal is aborted, also when it was before", async () => {
    const watch = open("o1");
    const wait = changed(watch);
    const reason = new Error("gone");
    gone.abort(reason);
    await assert.rejects(wait, reason);
    await assert.rejects(changed(watch), reason);
  });

  it("have no more places than they were given", () => {
    for (let count = 0; count < watchesMax; count++) open("o1");
    assert.throws(() => watches.open("o2", "ada"), { kind: "resource_exhausted", reason: "TOO_MANY_WATCHES" });
    opened[0]?.close();
    opened[0]?.close();
    open("o2");
    assert.throws(() => watches.open("o2", "ada"), { reason: "TOO_MANY_WATCHES" });
  });

  it("leave places to others when one user has all that one may have", () => {
    for (let count = 0; count < watchesPerUserMax; count++) open(`o${count}`, "ada");
    const refusal = { kind: "resource_exhausted", reason: "TOO_MANY_WATCHES", message: /by you/ };
    assert.throws(() => watches.open("o1", "ada"), refusal);
    open("o1", "bob");
    opened[0]?.close();
    opened[0]?.close();
    open("o1", "ada");
    assert.throws(() => watches.open("o1", "ada"), refusal);
  });
});
