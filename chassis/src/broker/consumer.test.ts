import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { toBinary } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import type { EventCatalog } from "../events/catalog.ts";
import { deadQueueOf, type Topology } from "../events/topology.ts";
import { createLogger, silentLogger } from "../log.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import type { Database } from "../storage/database.ts";
import { createInbox, type Inbox } from "../storage/inbox.ts";
import type { IncomingMessage } from "../storage/messages.ts";
import { createUnitOfWork, type UnitOfWork } from "../storage/unit-of-work.ts";
import { fixedClock } from "../testing/clock.ts";
import { eventually } from "../testing/eventually.ts";
import { createMemoryBroker, type MemoryBroker } from "../testing/memory-broker.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import { currentContext } from "../work-context.ts";
import type { Broker, BrokerMessage } from "./broker.ts";
import { type Consumer, type ConsumerOptions, createConsumer } from "./consumer.ts";
import { type MessageHandler, onEvent } from "./on-event.ts";

const made = "things.v1.ThingMade";
const moved = "things.v1.ThingMoved";
const service = "watcher-svc";
const queue = "watcher-svc.events";
const topology: Topology = {
  exchange: "test.events",
  publishes: new Map(),
  outbound: [],
  inbound: { queue, types: [made, moved] },
};
const catalog: EventCatalog = new Map(
  [made, moved].map((type) => [type, { type, publisher: "thing-svc", consumers: [service], schema: DurationSchema }]),
);

describe("consumer", () => {
  let database: Database;
  let inbox: Inbox;
  let unitOfWork: UnitOfWork;
  let broker: MemoryBroker;
  let client: Broker;
  let consumer: Consumer;
  let metrics: Metrics;
  let clock = fixedClock();
  const leader = { isLeader: true };
  /** Ids of messages whose effect was committed, in order. */
  let effects: string[];

  beforeEach(async () => {
    clock = fixedClock();
    effects = [];
    leader.isLeader = true;
    database = await openTestDatabase();
    inbox = createInbox({ database, now: clock.now });
    unitOfWork = createUnitOfWork({ database, now: clock.now });
    broker = createMemoryBroker();
    client = broker.client(topology);
  });
  afterEach(async () => {
    await consumer.stop();
    await client.stop();
    await database.close();
  });

  const effect: MessageHandler = (message) =>
    unitOfWork.commitMessage(message, () => ({ value: effects.push(message.id) }));

  async function start(handler: MessageHandler = effect, more: Partial<ConsumerOptions> = {}): Promise<void> {
    metrics = createMetrics({ service: "test" });
    consumer = createConsumer({
      service,
      broker: client,
      inbox,
      catalog,
      handlers: [
        [made, handler],
        [moved, effect],
      ],
      leader,
      log: silentLogger(),
      metrics,
      now: clock.now,
      dueIntervalMs: 2,
      ...more,
    });
    consumer.start();
    client.start();
    await eventually("connection", () => client.connected);
  }
  const empty = () => eventually("an empty queue", () => broker.depth(queue) === 0);

  it("hands a message to its handler once, however often it arrives", async () => {
    await start();
    broker.send(queue, message("a"));
    broker.send(queue, message("a"));
    broker.send(queue, message("b", { type: moved }));
    await empty();
    assert.deepEqual(effects.sort(), ["a", "b"]);
    const text = (await metrics.expose()).body;
    assert.match(text, /inbox_messages_total\{type="things.v1.ThingMade",result="duplicate",service="test"\} 1/);
  });

  it("has first deliveries share a transaction", async () => {
    let commits = 0;
    await start();
    database.onCommit(() => {
      commits += 1;
    });
    for (let index = 0; index < 50; index++) broker.send(queue, message(`m${index}`));
    await empty();
    assert.equal(effects.length, 50);
    assert.ok(commits <= 5, `${commits} commits for 50 messages`);
  });

  it("runs the handler in the trace of the message, with a deadline", async () => {
    const seen: unknown[] = [];
    await start(async (incoming) => {
      const context = currentContext();
      seen.push(context?.trace.traceId, context?.deadlineTime);
      return effect(incoming);
    });
    broker.send(queue, message("a", { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }));
    await empty();
    assert.deepEqual(seen, ["0af7651916cd43dd8448eb211c80319c", clock.now() + 30_000]);
  });

  it("logs what became of a message, in the trace of the message", async () => {
    const lines: Record<string, unknown>[] = [];
    const log = createLogger({ service: "test", destination: { write: (line) => lines.push(JSON.parse(line)) } });
    const bad: MessageHandler = async (incoming) => {
      if (incoming.id === "bad") throw new Error("thing is stuck");
      return effect(incoming);
    };
    await start(bad, { log, retryDelaysMs: [60_000] });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (const id of ["a", "a", "bad"]) broker.send(queue, message(id, { traceparent }));
    await empty();
    assert.deepEqual(lines.map(({ msg, message_id, result, trace_id }) => [msg, message_id, result, trace_id]).sort(), [
      ["handler failed", "bad", undefined, "0af7651916cd43dd8448eb211c80319c"],
      ["message", "a", "done", "0af7651916cd43dd8448eb211c80319c"],
      ["message", "a", "duplicate", "0af7651916cd43dd8448eb211c80319c"],
    ]);
  });

  it("tries a failed message again after growing pauses while others pass, then parks it with its cause", async () => {
    const attempts: number[] = [];
    await start(
      async (incoming) => {
        if (incoming.id !== "bad") return effect(incoming);
        attempts.push(clock.now());
        throw new Error("thing is stuck");
      },
      { attemptsMax: 3, retryDelaysMs: [100, 1_000] },
    );
    const startTime = clock.now();
    broker.send(queue, message("bad"));
    broker.send(queue, message("good"));
    await empty();
    await eventually("good", () => effects.includes("good"));
    assert.deepEqual(inbox.counts(), { waiting: 1, parked: 0 });
    clock.advance(100);
    await eventually("second attempt", () => attempts.length === 2);
    clock.advance(1_000);
    await eventually("parked", () => consumer.parked().length === 1);
    assert.deepEqual(attempts, [startTime, startTime + 100, startTime + 1_100]);
    assert.equal(consumer.parked()[0]?.cause, "Error: thing is stuck");
    assert.equal(consumer.parked()[0]?.message.id, "bad");
    assert.match((await metrics.expose()).body, /inbox_parked_messages\{service="test"\} 1/);
  });

  it("replays a parked message", async () => {
    let broken = true;
    await start(
      (incoming) => {
        if (broken) throw new Error("not yet");
        return effect(incoming);
      },
      { attemptsMax: 1 },
    );
    broker.send(queue, message("a"));
    await eventually("parked", () => consumer.parked().length === 1);
    broken = false;
    assert.equal(await consumer.replay("nobody"), false);
    assert.equal(await consumer.replay("a"), true);
    await eventually("effect", () => effects.includes("a"));
    assert.deepEqual(consumer.parked(), []);
  });

  for (const kind of ["unavailable", "resource_exhausted"] as const) {
    it(`never parks a message because something else is ${kind}`, async () => {
      let failures = 7;
      await start(
        (incoming) => {
          if (failures-- > 0) throw new DomainError(kind, "AWAY", "away");
          return effect(incoming);
        },
        { attemptsMax: 2, unavailableDelayMs: 0 },
      );
      broker.send(queue, message("a"));
      await eventually("effect", () => effects.includes("a"));
    });
  }

  it("does not count what is unavailable among the attempts", async () => {
    let calls = 0;
    await start(
      () => {
        calls += 1;
        throw calls <= 4 ? new DomainError("unavailable", "AWAY", "away") : new Error("stuck");
      },
      { attemptsMax: 2, retryDelaysMs: [0], unavailableDelayMs: 0 },
    );
    broker.send(queue, message("a"));
    await eventually("parked", () => consumer.parked().length === 1);
    assert.deepEqual([calls, consumer.parked()[0]?.attempts], [6, 2]);
  });

  it("parks at once what it has no handler for and what cannot be decoded, payload kept", async () => {
    const [, decoding] = onEvent(DurationSchema, async () => assert.fail("decoded"));
    await start(decoding);
    broker.send(queue, message("unknown", { type: "things.v1.Unheard" }));
    broker.send(queue, message("garbled", { payload: Uint8Array.of(255, 255) }));
    broker.sendUndecodable(queue, { type: "x", payload: Uint8Array.of(9, 9), cause: "no message id" });
    await eventually("three parked", () => consumer.parked().length === 3);
    const causes = consumer.parked().map(({ cause, message: { payload } }) => `${cause} [${[...payload]}]`);
    assert.deepEqual(causes.sort(), [
      "UndecodableEventError: payload is not a google.protobuf.Duration [255,255]",
      "no handler for things.v1.Unheard [1]",
      "no message id [9,9]",
    ]);
    await empty();
  });

  it("takes up what a version before it had no handler for, once it leads", async () => {
    await start();
    const unheard = "things.v1.Unheard";
    broker.send(queue, message("early", { type: unheard }));
    broker.send(queue, message("stranger", { type: "things.v1.Strange" }));
    // A process of the later version had it fail and wait, while this one led.
    const failure = { cause: "DatabaseBusyError: busy", counts: true };
    await inbox.retryLater({ ...message("postponed", { type: unheard }), redelivered: false }, failure, clock.now());
    await eventually("all parked", () => consumer.parked().length === 3);
    await consumer.stop();
    await client.stop();

    leader.isLeader = false;
    client = broker.client(topology);
    const known = { type: unheard, publisher: "thing-svc", consumers: [service], schema: DurationSchema };
    const handlers = [made, moved, unheard].map((type) => [type, effect] as const);
    await start(effect, { catalog: new Map([...catalog, [unheard, known]]), handlers });
    await delay(20);
    assert.deepEqual(effects, []);
    leader.isLeader = true;
    await eventually("effects", () => effects.length === 2);
    assert.deepEqual(effects.sort(), ["early", "postponed"]);
    assert.deepEqual(
      consumer.parked().map(({ message: { id } }) => id),
      ["stranger"],
    );
  });

  it("counts the starts of a redelivered message before it runs, lets others pass, and parks it after its bound", async () => {
    const starts: number[] = [];
    const lives: Consumer[] = [];
    const end = Promise.withResolvers<void>();
    const isTold = (life: number) => starts.includes(life) || consumer.parked().length > 0;
    for (let life = 1; life <= 7; life++) {
      // A life ends with the connection while the handler is under way, as when the process is killed.
      client = broker.client(topology);
      const kill = (incoming: IncomingMessage) => {
        if (incoming.id !== "killer") return effect(incoming);
        starts.push(life);
        return end.promise;
      };
      await start(kill, { retryDelaysMs: [100, 1_000] });
      lives.push(consumer);
      if (life === 1) broker.send(queue, message("killer"));
      if (life > 2) {
        broker.send(queue, message(`after ${life}`));
        await eventually("others pass", () => effects.includes(`after ${life}`));
        assert.equal(starts.length, life - 1);
        if (life === 3)
          assert.match(
            (await metrics.expose()).body,
            /\{type="things.v1.ThingMade",result="failed",service="test"\} 1/,
          );
        clock.advance(life === 3 ? 100 : 1_000);
      }
      await eventually(`life ${life}`, () => isTold(life));
      await client.stop();
    }
    assert.deepEqual(starts, [1, 2, 3, 4, 5, 6]);
    assert.equal(consumer.parked()[0]?.cause, "started 5 times and never finished");
    end.resolve();
    await Promise.all(lives.map((consumer) => consumer.stop()));
  });

  it("runs a redelivered message alone", async () => {
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    let first = true;
    await start(async (incoming) => {
      if (first) {
        first = false;
        await gate.promise;
      }
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return effect(incoming);
    });
    for (const id of ["a", "b", "c"]) broker.send(queue, message(id));
    await eventually("others done", () => effects.length === 2);
    broker.interrupt();
    gate.resolve();
    await empty();
    await eventually("effects", () => effects.length === 3);
    assert.ok(most <= 2, `${most} at once`);
  });

  it("has the effect once under duplicates, disorder and lost connections", async () => {
    let state = 11;
    const random = () => {
      state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
      return state / 2 ** 32;
    };
    broker.faults.shuffle = { window: 20, random };
    await start(
      (incoming) => {
        if (random() < 0.1) broker.interrupt();
        if (random() < 0.2) throw new DomainError("unavailable", "AWAY", "away");
        return effect(incoming);
      },
      { unavailableDelayMs: 0, startsMax: 1_000, prefetch: 5 },
    );
    const ids = Array.from({ length: 60 }, (_, index) => `m${index}`);
    for (const id of [...ids, ...ids]) broker.send(queue, message(id));
    await empty();
    await eventually("nothing waits", () => inbox.counts().waiting === 0);
    assert.deepEqual([...effects].sort(), [...ids].sort());
  });

  it("counts a handler that takes too long as failed and lets the others go on", async () => {
    await start((incoming) => (incoming.id === "slow" ? new Promise(() => {}) : effect(incoming)), {
      handlerTimeoutMs: 20,
      attemptsMax: 1,
    });
    broker.send(queue, message("slow"));
    await eventually("parked", () => consumer.parked().length === 1);
    assert.equal(consumer.parked()[0]?.cause, "Error: handler took over 20 ms");
    broker.send(queue, message("next"));
    await eventually("effect", () => effects.includes("next"));
  });

  it("leaves the message with the broker when the inbox cannot take it over", async () => {
    let failures = 2;
    const failing: Inbox = {
      ...inbox,
      retryLater: (...args) => (failures-- > 0 ? Promise.reject(new Error("disk full")) : inbox.retryLater(...args)),
    };
    let broken = 3;
    await start(
      (incoming) => {
        if (broken-- > 0) throw new Error("stuck");
        return effect(incoming);
      },
      { inbox: failing, retryDelaysMs: [0] },
    );
    broker.send(queue, message("a"));
    await eventually("effect", () => effects.includes("a"));
    await empty();
  });

  it("tries waiting messages only while it is the leader", async () => {
    let attempts = 0;
    leader.isLeader = false;
    await start(
      (incoming) => {
        attempts += 1;
        if (attempts === 1) throw new Error("once");
        return effect(incoming);
      },
      { retryDelaysMs: [0] },
    );
    broker.send(queue, message("a"));
    await empty();
    broker.send(queue, message("b"));
    await eventually("b", () => effects.includes("b"));
    assert.deepEqual(effects, ["b"]);
    leader.isLeader = true;
    await eventually("a", () => effects.includes("a"));
  });

  it("moves what the broker gave up on to the parked messages", async () => {
    await start();
    broker.send(deadQueueOf(queue), message("dead"));
    await eventually("parked", () => consumer.parked().length === 1);
    assert.equal(consumer.parked()[0]?.cause, "given up by the broker after too many deliveries");
  });

  it("waits for the handlers under way when it stops", async () => {
    const gate = Promise.withResolvers<void>();
    let started = false;
    await start(async (incoming) => {
      started = true;
      await gate.promise;
      return effect(incoming);
    });
    broker.send(queue, message("a"));
    await eventually("start of the handler", () => started);
    const stop = consumer.stop();
    gate.resolve();
    await stop;
    assert.deepEqual(effects, ["a"]);
    assert.equal(broker.depth(queue), 0);
  });

  it("refuses handlers that are not those of the contract", async () => {
    await start();
    const createWith = (...types: string[]) =>
      createConsumer({
        service,
        broker: client,
        inbox,
        catalog,
        handlers: types.map((type) => [type, effect] as const),
        leader,
        log: silentLogger(),
        metrics: createMetrics({ service: "test" }),
        now: clock.now,
      });
    assert.throws(() => createWith(made), /no handler for things\.v1\.ThingMoved/);
    assert.throws(() => createWith(made, moved, "things.v1.Unheard"), /a handler for things\.v1\.Unheard/);
    assert.throws(() => createWith(made, moved, moved), /two handlers for one type/);
  });
});

describe("onEvent", () => {
  it("decodes the event for its handler", async () => {
    const seen: [bigint, string][] = [];
    const [type, handler] = onEvent(DurationSchema, async (event, incoming) => {
      seen.push([event.seconds, incoming.id]);
    });
    const payload = toBinary(DurationSchema, { $typeName: "google.protobuf.Duration", seconds: 5n, nanos: 0 });
    await handler({ ...message("a", { payload }), redelivered: false } satisfies IncomingMessage);
    assert.equal(type, "google.protobuf.Duration");
    assert.deepEqual(seen, [[5n, "a"]]);
  });
});

function message(id: string, more: Partial<BrokerMessage> = {}): BrokerMessage {
  return { id, type: made, aggregate: `things/${id}`, version: 1, payload: Uint8Array.of(1), time: 1_000, ...more };
}
