import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import { runInContext } from "../work-context.ts";
import { type Database, openDatabase } from "./database.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import type { IncomingMessage, OutgoingEvent } from "./messages.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { createUnitOfWork, forgottenHash, type RequestClaim, type UnitOfWork } from "./unit-of-work.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

const event = (id: string, changes?: Partial<OutgoingEvent>): OutgoingEvent => ({
  id,
  type: "shelf.v1.ThingMoved",
  aggregate: "things/1",
  version: 1,
  payload: new Uint8Array([1, 2]),
  ...changes,
});
const message = (id: string, changes?: Partial<IncomingMessage>): IncomingMessage => ({
  ...event(id),
  time: 3,
  redelivered: false,
  ...changes,
});
const claim = (changes?: Partial<RequestClaim>): RequestClaim => ({
  caller: "users/1",
  method: "shelf.v1.ThingService/CreateThing",
  requestId: "r1",
  hash: "h1",
  ...changes,
});

describe("unit of work", () => {
  let database: Database;
  let outbox: Outbox;
  let inbox: Inbox;
  let unitOfWork: UnitOfWork;
  let runs: number;

  beforeEach(async () => {
    database = await openTestDatabase();
    database.sqlite.exec("CREATE TABLE things (name TEXT NOT NULL) STRICT");
    outbox = createOutbox({ database });
    inbox = createInbox({ database, now: () => 7 });
    unitOfWork = createUnitOfWork({ database, now: () => 7 });
    runs = 0;
  });
  afterEach(() => database.close());

  const insert = (name: string) => {
    runs += 1;
    database.sqlite.prepare("INSERT INTO things VALUES (?)").run(name);
  };
  const names = () => database.sqlite.prepare("SELECT name FROM things ORDER BY name").pluck().all();
  const eventIds = () => outbox.pending({ limit: 100 }).map(({ id }) => id);
  const create = (name: string, by: RequestClaim | undefined) =>
    unitOfWork.commitRequest<string>(
      by,
      () => {
        insert(name);
        return { value: `made ${name}`, resource: name, events: [event(`of ${name}`)] };
      },
      (resource) => `found ${resource}`,
    );
  const isReuse = (error: unknown) =>
    error instanceof DomainError &&
    error.kind === "already_exists" &&
    error.reason === "REQUEST_ID_REUSED" &&
    error.fields[0]?.field === "request_id";

  it("stores a change and its events together, with the time and the trace of the caller", async () => {
    const context = { trace: { traceId, spanId, sampled: true, tracestate: "a=b" } };
    const value = await runInContext(context, () =>
      unitOfWork.commit(() => {
        insert("a");
        return { value: 5, events: [event("e1"), event("e2", { version: 2 })] };
      }),
    );
    assert.equal(value, 5);
    assert.deepEqual(outbox.pending({ limit: 10 }), [
      {
        ...event("e1", { payload: Buffer.from([1, 2]) }),
        seq: 1,
        time: 7,
        traceparent: `00-${traceId}-${spanId}-01`,
        tracestate: "a=b",
      },
      {
        ...event("e2", { payload: Buffer.from([1, 2]), version: 2 }),
        seq: 2,
        time: 7,
        traceparent: `00-${traceId}-${spanId}-01`,
        tracestate: "a=b",
      },
    ]);
  });

  it("stores events without a trace when there is none", async () => {
    await unitOfWork.commit(() => ({ value: 0, events: [event("e1")] }));
    const [row] = outbox.pending({ limit: 1 });
    assert.deepEqual([row?.traceparent, row?.tracestate], [undefined, undefined]);
  });

  it("keeps neither change nor events when the work or an event fails", async () => {
    await unitOfWork.commit(() => ({ value: 0, events: [event("e1")] }));
    const failing = () => {
      insert("a");
      throw new DomainError("failed_precondition", "NO", "no");
    };
    const repeating = () => {
      insert("b");
      return { value: 0, events: [event("e2"), event("e1")] };
    };
    await assert.rejects(unitOfWork.commit(failing), { reason: "NO" });
    await assert.rejects(unitOfWork.commit(repeating), /UNIQUE/);
    assert.deepEqual([names(), eventIds()], [[], ["e1"]]);
  });

  it("carries a request out once and returns the resource as it is now afterwards", async () => {
    assert.equal(await create("a", claim()), "made a");
    assert.equal(await create("b", claim()), "found a");
    assert.deepEqual([names(), eventIds(), runs], [["a"], ["of a"], 1]);
  });

  it("carries a request out once when it comes twice in the same turn", async () => {
    const answers = await Promise.all([create("a", claim()), create("b", claim())]);
    assert.deepEqual(answers, ["made a", "found a"]);
    assert.deepEqual(names(), ["a"]);
  });

  it("refuses a request id that was used for something else", async () => {
    await create("a", claim());
    await assert.rejects(create("b", claim({ hash: "h2" })), isReuse);
    assert.deepEqual(names(), ["a"]);
  });

  it("takes any request for the repetition of one whose content was forgotten", async () => {
    await create("a", claim());
    database.sqlite.prepare("UPDATE request_claims SET hash = ?").run(forgottenHash);
    assert.equal(await create("b", claim({ hash: "h2" })), "found a");
    assert.deepEqual([names(), runs], [["a"], 1]);
  });

  it("tells callers, methods and request ids apart", async () => {
    await create("a", claim());
    await create("b", claim({ caller: "users/2" }));
    await create("c", claim({ method: "shelf.v1.ThingService/MoveThing" }));
    await create("d", claim({ requestId: "r2" }));
    assert.deepEqual(names(), ["a", "b", "c", "d"]);
  });

  it("does not claim a request that failed", async () => {
    const failing = unitOfWork.commitRequest<string>(
      claim(),
      () => {
        throw new DomainError("failed_precondition", "NO", "no");
      },
      () => assert.fail("reloaded"),
    );
    await assert.rejects(failing, { reason: "NO" });
    assert.equal(await create("a", claim({ hash: "h2" })), "made a");
  });

  it("carries requests without a claim out each time", async () => {
    await create("a", undefined);
    await create("b", undefined);
    assert.deepEqual(names(), ["a", "b"]);
  });

  const handle = (incoming: IncomingMessage, name = "a") =>
    unitOfWork.commitMessage(incoming, () => {
      insert(name);
      return { value: 0, events: [event(`of ${name}`)] };
    });

  it("handles a message once, also when it comes twice in the same turn", async () => {
    assert.deepEqual(await Promise.all([handle(message("m1")), handle(message("m1"), "b")]), ["done", "duplicate"]);
    assert.equal(await handle(message("m1", { redelivered: true }), "c"), "duplicate");
    assert.deepEqual([names(), eventIds(), runs], [["a"], ["of a"], 1]);
    assert.equal(await handle(message("m2"), "d"), "done");
  });

  it("handles a message again after its work failed", async () => {
    const failing = unitOfWork.commitMessage(message("m1"), () => {
      insert("a");
      throw new Error("no");
    });
    await assert.rejects(failing, /no/);
    assert.deepEqual(names(), []);
    assert.equal(await handle(message("m1")), "done");
  });

  it("handles a message that was started or waits, and not one that is parked", async () => {
    await inbox.begin(message("started"), () => 9);
    await inbox.retryLater(message("waits"), { cause: "no", counts: true }, 9);
    await inbox.park(message("parked"), "poison");
    assert.equal(await handle(message("started")), "done");
    assert.equal(await handle(message("waits"), "b"), "done");
    assert.equal(await handle(message("parked"), "c"), "duplicate");
    assert.deepEqual(inbox.counts(), { waiting: 0, parked: 1 });
    assert.deepEqual(names(), ["a", "b"]);
  });

  it("gives a redelivered message a transaction of its own", async () => {
    let commits = 0;
    database.onCommit(() => {
      commits += 1;
    });
    await Promise.all([
      handle(message("m1")),
      handle(message("m2", { redelivered: true }), "b"),
      handle(message("m3"), "c"),
    ]);
    assert.equal(commits, 3);
  });

  it("claims a message that changes nothing", async () => {
    assert.equal(await unitOfWork.ignoreMessage(message("m1")), "done");
    assert.equal(await handle(message("m1")), "duplicate");
  });

  it("does everything once when two processes have the same messages and requests", async () => {
    const first = await openTestDatabase({ file: true });
    const second = openDatabase({ file: first.file });
    first.sqlite.exec("CREATE TABLE effects (name TEXT NOT NULL) STRICT");
    const outcomes = [first, second].map((each) => {
      const units = createUnitOfWork({ database: each, now: () => 7 });
      const effect = (name: string) => () => {
        each.sqlite.prepare("INSERT INTO effects VALUES (?)").run(name);
        return { value: "made", resource: name, events: [event(name)] };
      };
      const numbers = Array.from({ length: 100 }, (_, number) => `${number}`);
      return Promise.all([
        ...numbers.map((id) => units.commitMessage(message(id), effect(`message ${id}`))),
        ...numbers.map((id) => units.commitRequest(claim({ requestId: id }), effect(`request ${id}`), () => "found")),
      ]);
    });
    const counts = Object.groupBy((await Promise.all(outcomes)).flat(), (outcome) => outcome);
    const effects = first.sqlite.prepare("SELECT count(*), count(DISTINCT name) FROM effects").raw().get();
    const unsent = createOutbox({ database: first }).unsentCount();
    await second.close();
    await first.close();
    assert.deepEqual(
      ["done", "duplicate", "made", "found"].map((outcome) => counts[outcome]?.length),
      [100, 100, 100, 100],
    );
    assert.deepEqual([effects, unsent], [[200, 200], 200]);
  });
});
