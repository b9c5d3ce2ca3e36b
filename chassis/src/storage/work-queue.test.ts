import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createWorkQueue } from "./work-queue.ts";

describe("queue of works", () => {
  const call = (name: string) => ({ name, isAwaited: true });
  const other = (name: string) => ({ name, isAwaited: false });
  const queueOf = (...entries: { name: string; isAwaited: boolean }[]) => {
    const queue = createWorkQueue<{ name: string; isAwaited: boolean }>();
    for (const entry of entries) queue.push(entry);
    return queue;
  };
  const takeAll = (queue: ReturnType<typeof queueOf>) => {
    const names: string[] = [];
    for (let entry = queue.take(); entry !== undefined; entry = queue.take()) names.push(entry.name);
    return names.join(" ");
  };
  const sorted = (entries: readonly { name: string }[]) => entries.map(({ name }) => name).sort();

  it("gives calls one of five turns while others wait, and each kind its order", () => {
    const calls = ["a", "b", "c"].map(call);
    const others = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(other);
    assert.equal(takeAll(queueOf(...others, ...calls)), "a 1 2 3 4 b 5 6 7 8 c 9");
  });

  it("gives one kind all turns that the other has no use for", () => {
    assert.equal(takeAll(queueOf(call("a"), call("b"), other("1"), call("c"), call("d"))), "a 1 b c d");
    assert.equal(takeAll(queueOf(other("1"), other("2"), other("3"), other("4"))), "1 2 3 4");
  });

  it("remembers whose turn it is from one transaction to the next", () => {
    const queue = queueOf(call("a"), call("b"), ...["1", "2", "3", "4", "5"].map(other));
    assert.equal(queue.take()?.name, "a");
    assert.equal(queue.take()?.name, "1");
    queue.push(call("c"));
    assert.equal(takeAll(queue), "2 3 4 b 5 c");
  });

  it("shows the one that it gives next, and counts those that wait", () => {
    const queue = queueOf(other("1"), call("a"));
    assert.equal(queue.size, 2);
    while (queue.size > 0) assert.equal(queue.peek(), queue.take());
    assert.equal(queue.peek(), undefined);
    assert.equal(queue.take(), undefined);
  });

  it("removes those that it is told to, of both kinds, and keeps the order of the others", () => {
    const queue = queueOf(call("a"), call("b"), call("c"), other("1"), other("2"));
    assert.deepEqual(sorted(queue.remove(({ name }) => ["b", "1"].includes(name))), ["1", "b"]);
    assert.deepEqual(sorted(queue.entries()), ["2", "a", "c"]);
    assert.equal(takeAll(queue), "a 2 c");
  });
});
