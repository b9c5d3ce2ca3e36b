import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openTestDatabase } from "../testing/test-database.ts";
import type { Database } from "./database.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import type { IncomingMessage } from "./messages.ts";
import { createUnitOfWork, type UnitOfWork } from "./unit-of-work.ts";

const message = (id: string): IncomingMessage => ({
  id,
  type: "shelf.v1.ThingMoved",
  aggregate: "things/1",
  version: 4,
  payload: Buffer.from([1, 2]),
  time: 3,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: undefined,
  redelivered: true,
});

describe("inbox", () => {
  let database: Database;
  let inbox: Inbox;
  let unitOfWork: UnitOfWork;
  let now: number;

  beforeEach(async () => {
    now = 1_000;
    database = await openTestDatabase();
    inbox = createInbox({ database, now: () => now });
    unitOfWork = createUnitOfWork({ database, now: () => now });
  });
  afterEach(() => database.close());

  const tryTime = (starts: number) => now + 100 * starts;
  const dueIds = (time: number, limit = 100) => inbox.due(time, limit).map((due) => due.message.id);

  it("lets a redelivered message run once, and puts it aside when it has never finished", async () => {
    assert.equal(await inbox.begin(message("a"), tryTime), "begun");
    assert.equal(await inbox.begin(message("b"), tryTime), "begun");
    assert.equal(inbox.stateOf("a"), "started");
    assert.equal(await inbox.begin(message("a"), tryTime), "put aside");
    assert.deepEqual(["a", "b"].map(inbox.stateOf), ["waiting", "started"]);
    assert.deepEqual([dueIds(1_099), dueIds(1_100)], [[], ["a"]]);
    assert.deepEqual(inbox.due(1_100, 1), [{ message: message("a"), attempts: 0 }]);
    assert.equal(await inbox.beginDue("a", tryTime), 2);
  });

  it("says when a redelivered message is not the broker's any more, and does not count it", async () => {
    await unitOfWork.ignoreMessage(message("done"));
    await inbox.retryLater(message("waiting"), { cause: "no", counts: true }, 2_000);
    await inbox.park(message("parked"), "poison");
    for (const state of ["done", "waiting", "parked"]) {
      assert.equal(await inbox.begin(message(state), tryTime), "known");
      assert.equal(inbox.stateOf(state), state);
    }
    assert.deepEqual(dueIds(1_999), []);
    assert.equal(await inbox.beginDue("waiting", tryTime), 1);
  });

  it("remembers a message that comes again as if it had been done then", async () => {
    for (const id of ["a", "b", "c"]) await unitOfWork.ignoreMessage(message(id));
    now = 5_000;
    assert.equal(await inbox.begin(message("a"), tryTime), "known");
    assert.equal(await unitOfWork.ignoreMessage(message("b")), "duplicate");
    assert.equal(await inbox.cleanUp(5_000, 10), 1);
    assert.deepEqual(["a", "b", "c"].map(inbox.stateOf), ["done", "done", undefined]);
    // Not for a shorter time, when the clock was set back.
    now = 2_000;
    assert.equal(await inbox.begin(message("a"), tryTime), "known");
    assert.equal(await inbox.cleanUp(5_000, 10), 0);
    assert.equal(await inbox.cleanUp(5_001, 10), 2);
  });

  it("keeps a failed message whole until it is due, earliest first", async () => {
    await inbox.begin(message("a"), tryTime);
    await inbox.retryLater(message("a"), { cause: "no", counts: true }, 3_000);
    await inbox.retryLater(message("b"), { cause: "no", counts: true }, 2_000);
    assert.deepEqual(dueIds(1_999), []);
    assert.deepEqual(dueIds(3_000), ["b", "a"]);
    assert.deepEqual(dueIds(3_000, 1), ["b"]);
    assert.equal(inbox.nextDueTime(), 2_000);
    assert.deepEqual(inbox.due(3_000, 100)[1], { message: message("a"), attempts: 1 });
  });

  it("tries again what the clock put far away, when it was set back", async () => {
    await inbox.retryLater(message("a"), { cause: "no", counts: true }, 3_600_000);
    await inbox.retryLater(message("b"), { cause: "no", counts: true }, 60_000);
    assert.deepEqual([dueIds(0), dueIds(3_539_999), dueIds(3_540_000)], [["a"], ["b", "a"], ["b"]]);
  });

  it("counts failed attempts, and starts anew after each", async () => {
    assert.equal(inbox.attemptsOf("a"), 0);
    await inbox.retryLater(message("a"), { cause: "no", counts: true }, 2_000);
    assert.equal(await inbox.beginDue("a", tryTime), 1);
    assert.equal(await inbox.beginDue("a", tryTime), 2);
    await inbox.retryLater(message("a"), { cause: "no", counts: true }, 2_500);
    assert.equal(await inbox.beginDue("a", tryTime), 1);
    assert.deepEqual([inbox.attemptsOf("a"), inbox.due(2_500, 1)[0]?.attempts], [2, 2]);
    await inbox.retryLater(message("a"), { cause: "away", counts: false }, 2_600);
    assert.equal(inbox.attemptsOf("a"), 2);
  });

  it("tries a message again whose process dies while it runs, later each time", async () => {
    await inbox.retryLater(message("a"), { cause: "no", counts: true }, 2_000);
    now = 2_000;
    await inbox.beginDue("a", tryTime);
    assert.deepEqual([dueIds(2_099), dueIds(2_100)], [[], ["a"]]);
    await inbox.beginDue("a", tryTime);
    assert.deepEqual([dueIds(2_199), dueIds(2_200)], [[], ["a"]]);
    await unitOfWork.ignoreMessage(message("a"));
    assert.deepEqual(dueIds(9_000), []);
    assert.equal(await inbox.beginDue("a", tryTime), undefined);
    assert.equal(inbox.nextDueTime(), undefined);
  });

  it("lists parked messages with their cause, and replays them with a clean record", async () => {
    await inbox.retryLater(message("a"), { cause: "no", counts: true }, 2_000);
    await inbox.park(message("a"), "two attempts", 1);
    now = 1_500;
    await inbox.park(message("b"), "unknown type");
    assert.deepEqual(inbox.parkedList(), [
      { message: message("b"), attempts: 0, cause: "unknown type", receiveTime: 1_500, parkTime: 1_500 },
      { message: message("a"), attempts: 2, cause: "two attempts", receiveTime: 1_000, parkTime: 1_000 },
    ]);
    assert.equal(inbox.parkedList(1).length, 1);
    assert.deepEqual(inbox.counts(), { waiting: 0, parked: 2 });
    assert.deepEqual(["a", "none"].map(inbox.stateOf), ["parked", undefined]);
    now = 5_000;
    assert.deepEqual(
      [await inbox.replay("a"), await inbox.replay("a"), await inbox.replay("none")],
      [true, false, false],
    );
    assert.deepEqual(inbox.due(5_000, 1), [{ message: message("a"), attempts: 0 }]);
    assert.deepEqual(inbox.counts(), { waiting: 1, parked: 1 });
    assert.equal(await unitOfWork.ignoreMessage(message("a")), "done");
  });

  it("lets nothing change a message that is done, and nothing but a replay one that is parked", async () => {
    await unitOfWork.ignoreMessage(message("done"));
    await inbox.retryLater(message("done"), { cause: "no", counts: true }, 2_000);
    await inbox.park(message("done"), "no");
    await inbox.park(message("parked"), "first");
    await inbox.retryLater(message("parked"), { cause: "no", counts: true }, 2_000);
    await inbox.park(message("parked"), "second");
    assert.deepEqual(dueIds(9_000), []);
    assert.deepEqual(
      inbox.parkedList().map(({ cause }) => cause),
      ["first"],
    );
  });

  it("keeps a bounded part of a long error", async () => {
    await inbox.park(message("a"), "x".repeat(100_000));
    assert.equal(inbox.parkedList()[0]?.cause.length, 2_000);
  });

  it("takes over what the broker never delivered again", async () => {
    await inbox.begin(message("old"), tryTime);
    now = 2_000;
    await inbox.begin(message("new"), tryTime);
    assert.equal(await inbox.adoptStarted(2_000, 10), 1);
    assert.deepEqual(dueIds(2_000), ["old"]);
  });

  it("forgets what was done long ago, and never what waits or is parked", async () => {
    for (const id of ["a", "b", "c"]) await unitOfWork.ignoreMessage(message(id));
    await inbox.retryLater(message("waiting"), { cause: "no", counts: true }, 1_000);
    await inbox.park(message("parked"), "no");
    assert.equal(await inbox.cleanUp(1_000, 10), 0);
    assert.equal(await inbox.cleanUp(1_001, 2), 2);
    assert.equal(await inbox.cleanUp(1_001, 2), 1);
    assert.deepEqual(inbox.counts(), { waiting: 1, parked: 1 });
  });
});
