import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { Topology } from "../events/topology.ts";
import { silentLogger } from "../log.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import type { Database } from "../storage/database.ts";
import { createOutbox, type Outbox } from "../storage/outbox.ts";
import { fixedClock } from "../testing/clock.ts";
import { eventually } from "../testing/eventually.ts";
import { createMemoryBroker, type MemoryBroker } from "../testing/memory-broker.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import type { Broker } from "./broker.ts";
import { createRelay, type Relay, type RelayOptions } from "./relay.ts";

const made = "things.v1.ThingMade";
const queue = "watcher-svc.events";
const topology: Topology = {
  exchange: "test.events",
  publishes: new Map([[made, 1]]),
  outbound: [{ queue, types: [made] }],
  inbound: undefined,
};

describe("relay", () => {
  let database: Database;
  let outbox: Outbox;
  let broker: MemoryBroker;
  let client: Broker;
  let relay: Relay;
  let metrics: Metrics;
  let leader: ReturnType<typeof switchableLeader>;
  const clock = fixedClock();

  beforeEach(async () => {
    database = await openTestDatabase();
    outbox = createOutbox({ database });
    broker = createMemoryBroker();
    client = broker.client(topology);
    leader = switchableLeader(true);
    metrics = createMetrics({ service: "test" });
    relay = relayWith({});
    client.start();
    await eventually("connection", () => client.connected);
  });
  afterEach(async () => {
    await relay.stop();
    await client.stop();
    await database.close();
  });

  function relayWith(options: Partial<RelayOptions>): Relay {
    metrics = createMetrics({ service: "test" });
    return createRelay({
      outbox,
      broker: client,
      leader,
      database,
      log: silentLogger(),
      metrics,
      now: clock.now,
      pollIntervalMs: 20,
      stallMs: 0,
      ...options,
    });
  }

  async function record(...events: [id: string, aggregate: string, version?: number][]): Promise<void> {
    await database.transact(() => {
      const outgoing = events.map(([id, aggregate, version = 1]) => {
        return { id, type: made, aggregate, version, payload: Uint8Array.of(1) };
      });
      outbox.append(outgoing, clock.now(), { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
    });
  }

  const publishedIds = () => broker.published.map(({ id }) => id);
  const allSent = () => eventually("everything sent", () => outbox.unsentCount() === 0);

  it("publishes what is committed before and after its start, with the trace of its cause", async () => {
    await record(["a", "things/1"]);
    relay.start();
    await record(["b", "things/2"]);
    await allSent();
    assert.deepEqual(publishedIds(), ["a", "b"]);
    assert.equal(broker.published[0]?.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert.equal(outbox.sentTimeOf("a"), clock.now());
  });

  it("is woken by a commit without waiting for its poll", async () => {
    relay = relayWith({ pollIntervalMs: 3_600_000 });
    relay.start();
    await record(["a", "things/1"]);
    await allSent();
  });

  it("keeps several publishes under way, one of each aggregate, up to its window", async () => {
    broker.faults.publish = () => "hold";
    relay = relayWith({ windowMax: 3 });
    await record(["a1", "things/a"], ["a2", "things/a"], ["b1", "things/b"], ["c1", "things/c"], ["d1", "things/d"]);
    relay.start();
    await eventually("a full window", () => broker.published.length === 3);
    assert.deepEqual(publishedIds(), ["a1", "b1", "c1"]);
    broker.faults.publish = undefined;
    broker.release([2, 0, 1]);
    await allSent();
    assert.equal(broker.published.length, 5);
    assert.ok(publishedIds().indexOf("a2") > publishedIds().indexOf("a1"));
  });

  it("marks an event as sent only when it is confirmed", async () => {
    broker.faults.publish = () => "hold";
    await record(["a", "things/1"]);
    relay.start();
    await eventually("publish", () => broker.published.length === 1);
    assert.equal(outbox.unsentCount(), 1);
    broker.release();
    await allSent();
  });

  for (const fault of ["return", "refuse"] as const) {
    it(`stops only the aggregate of an event that meets "${fault}", and keeps its order`, async () => {
      let refusals = 3;
      broker.faults.publish = ({ id }) => (id === "a1" && refusals-- > 0 ? fault : undefined);
      await record(["a1", "things/a", 1], ["a2", "things/a", 2], ["b1", "things/b", 1], ["b2", "things/b", 2]);
      relay.start();
      await allSent();
      const ids = publishedIds();
      assert.deepEqual(
        ids.filter((id) => id.startsWith("a")),
        ["a1", "a2"],
      );
      assert.ok(ids.indexOf("b2") < ids.indexOf("a1"), ids.join());
      const text = (await metrics.expose()).body;
      assert.match(text, new RegExp(`result="${fault === "return" ? "returned" : "refused"}",service="test"} 3`));
    });
  }

  it("publishes again, in order, what was under way when the connection broke", async () => {
    let breaks = 2;
    broker.faults.publish = ({ id }) => {
      if ((id !== "a1" && id !== "b1") || breaks === 0) return undefined;
      breaks -= 1;
      return id === "a1" ? "drop-confirm" : "lose";
    };
    await record(["a1", "things/a"], ["b1", "things/b"], ["a2", "things/a"], ["b2", "things/b"]);
    relay.start();
    await allSent();
    const ids = publishedIds();
    assert.ok(ids.filter((id) => id === "a1").length > 1, "a1 was in the broker and is repeated");
    assert.ok(ids.lastIndexOf("a1") < ids.indexOf("a2"), ids.join());
    assert.ok(ids.lastIndexOf("b1") < ids.indexOf("b2"), ids.join());
  });

  it("never reorders an aggregate, whatever the broker does", async () => {
    const random = seededRandom(7);
    const faults = ["drop-confirm", "lose", "return", "refuse", undefined, undefined, undefined, undefined] as const;
    broker.faults.publish = () => faults[Math.floor(random() * faults.length)];
    relay.start();
    const events = Array.from({ length: 200 }, (_, index) => {
      return [`e${index}`, `things/${index % 7}`, index] as [string, string, number];
    });
    for (let from = 0; from < events.length; from += 20) await record(...events.slice(from, from + 20));
    await allSent();
    const highest = new Map<string, number>();
    for (const { aggregate, version } of broker.published) {
      const before = highest.get(aggregate) ?? -7;
      assert.ok(version <= before || version === before + 7 || before < 0, `${aggregate}: ${version} after ${before}`);
      highest.set(aggregate, Math.max(before, version));
    }
    assert.equal(new Set(publishedIds()).size, 200);
  });

  it("publishes nothing while the broker is away or asks for a pause, and everything afterwards", async () => {
    broker.setUp(false);
    relay.start();
    await record(["a", "things/1"]);
    broker.setUp(true);
    broker.setBlocked(true);
    await record(["b", "things/2"]);
    assert.deepEqual(publishedIds(), []);
    assert.equal(outbox.unsentCount(), 2);
    broker.setBlocked(false);
    await allSent();
    assert.deepEqual(publishedIds(), ["a", "b"]);
  });

  it("publishes only while it is the leader", async () => {
    leader.set(false);
    relay.start();
    await record(["a", "things/1"]);
    await record(["b", "things/2"]);
    assert.deepEqual(publishedIds(), []);
    leader.set(true);
    await allSent();
  });

  it("does not publish again what is confirmed while the mark cannot be written", async () => {
    let failures = 3;
    const failing: Outbox = {
      ...outbox,
      markSent: (seqs, time) => (failures-- > 0 ? Promise.reject(new Error("disk full")) : outbox.markSent(seqs, time)),
    };
    relay = relayWith({ outbox: failing });
    await record(["a", "things/1"]);
    relay.start();
    await allSent();
    assert.equal(failures, -1);
    assert.deepEqual(publishedIds(), ["a"]);
  });

  it("makes one last pass when it stops and waits for the confirmations", async () => {
    relay = relayWith({ pollIntervalMs: 3_600_000, database: { onCommit: () => {} } });
    relay.start();
    await eventually("first pass over", () => client.publishable);
    await record(["a1", "things/a"], ["a2", "things/a"], ["b1", "things/b"]);
    await relay.stop();
    assert.equal(outbox.unsentCount(), 0);
    await record(["c1", "things/c"]);
    assert.equal(outbox.unsentCount(), 1);
  });

  it("gives up the last pass when the confirmations do not come", async () => {
    broker.faults.publish = () => "hold";
    await record(["a", "things/1"]);
    relay.start();
    const startTime = performance.now();
    await relay.stop();
    assert.ok(performance.now() - startTime < 4_000);
    assert.equal(outbox.unsentCount(), 1);
  }).timeout(8_000);

  it("drains a backlog of 2,000 events", async () => {
    for (let from = 0; from < 2_000; from += 500) {
      const events = Array.from({ length: 500 }, (_, index) => {
        return [`e${from + index}`, `things/${from + index}`] as [string, string];
      });
      await record(...events);
    }
    relay.start();
    await allSent();
    assert.equal(broker.published.length, 2_000);
  });

  it("shows how many events wait and how old the oldest is", async () => {
    await record(["a", "things/1"]);
    clock.advance(5_000);
    const text = (await metrics.expose()).body;
    assert.match(text, /outbox_pending_events\{service="test"\} 1/);
    assert.match(text, /outbox_oldest_pending_age_seconds\{service="test"\} 5/);
  });
});

function switchableLeader(initially: boolean) {
  const listeners: ((leader: boolean) => void)[] = [];
  let isLeader = initially;
  return {
    get isLeader() {
      return isLeader;
    },
    onChange(listener: (leader: boolean) => void) {
      listeners.push(listener);
    },
    set(next: boolean) {
      isLeader = next;
      for (const listener of listeners) listener(next);
    },
  };
}

// A linear congruential generator: the same numbers on every run.
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
