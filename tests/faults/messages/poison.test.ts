import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Broker } from "@quartet/chassis/broker/broker";
import { queueOf } from "@quartet/chassis/events/catalog";
import { type Database, openDatabase } from "@quartet/chassis/storage/database";
import { createInbox, type Inbox } from "@quartet/chassis/storage/inbox";
import { chassisMigrations, migrate } from "@quartet/chassis/storage/migrate";
import { type BrokerStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { startTestProcess, type TestProcess } from "@quartet/chassis/testing/child-process";
import { eventually } from "@quartet/chassis/testing/eventually";
import { startRabbitMqEarly, testRabbitMqUrl } from "@quartet/chassis/testing/rabbitmq";
import { OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";
import { after, before, describe, it } from "mocha";

const type = OrderReadyForPaymentSchema.typeName;
const token = "tok_secret";
const nodeStartMs = 90_000;
const patienceMs = 60_000;
const goodCount = 50;
/** How long a message that nothing is wrong with may wait for others, while the service runs. */
const othersWaitMaxMs = 1_000;
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

startRabbitMqEarly();
describe("messages that a service cannot handle", function () {
  this.timeout(nodeStartMs);
  const service = `test-${randomUUID()}-svc`;
  const folder = mkdtempSync(join(tmpdir(), "quartet-parked-"));
  let stage: BrokerStage;
  let broker: Broker;
  let database: Database;
  let inbox: Inbox;
  let child: TestProcess | undefined;
  let isOver = false;
  let deaths = 0;
  /** When the service did not run, from its death until it has its broker again. The last may not have ended. */
  const downTimes: { readonly from: number; until: number }[] = [];
  let parkedMetric = "";

  before(async () => {
    stage = await createRabbitMqStage();
    const queue = queueOf(service);
    const topology = { publishes: new Map([[type, 1]]), outbound: [{ queue, types: [type] }], inbound: undefined };
    broker = stage.client({ exchange: stage.exchange, ...topology });
    broker.start();
    await eventually("publisher connected", () => broker.publishable);
    database = openDatabase({ file: join(folder, `${service}.sqlite`) });
    await migrate(database, [chassisMigrations]);
    inbox = createInbox({ database, now: Date.now });
  });
  after(async () => {
    isOver = true;
    await child?.kill();
    await database.close();
    await stage.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the service, and again whenever it dies, as whoever supervises it does. */
  async function keepRunning(): Promise<void> {
    const url = await testRabbitMqUrl();
    while (!isOver) {
      child = startTestProcess(new URL("poisoned-service.ts", import.meta.url), [folder, service, stage.exchange, url]);
      const { exit, nextLine } = child;
      const listen = async () => {
        for (;;) {
          parkedMetric = await nextLine();
          const last = downTimes.at(-1);
          if (last !== undefined) last.until = Math.min(last.until, performance.now());
        }
      };
      listen().catch(() => {});
      await exit;
      // One that says nothing has not run.
      const isDown = downTimes.at(-1)?.until === Number.POSITIVE_INFINITY;
      if (!isDown) downTimes.push({ from: performance.now(), until: Number.POSITIVE_INFINITY });
      deaths += 1;
    }
  }

  async function publish(id: string, payload?: Uint8Array): Promise<void> {
    const event = { order: `orders/${id}`, version: 3n, paymentToken: token };
    const message = {
      id,
      type,
      aggregate: `orders/${id}`,
      version: 3,
      payload: payload ?? toBinary(OrderReadyForPaymentSchema, create(OrderReadyForPaymentSchema, event)),
      time: Date.UTC(2026, 0, 2),
      traceparent,
    };
    assert.equal(await broker.publish(message), "confirmed");
  }

  /** What `make parked` runs. */
  async function parked(...args: string[]) {
    const conditions = process.execArgv.filter((option) => option.startsWith("--conditions="));
    const main = fileURLToPath(import.meta.resolve("@quartet/chassis/parked/main"));
    const program = spawn(process.execPath, [...conditions, main, database.file, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [[code], out, err] = await Promise.all([once(program, "close"), text(program.stdout), text(program.stderr)]);
    return { code, out, err };
  }
  const states = (...ids: string[]) => ids.map((id) => inbox.stateOf(id)).join();

  it("are parked with their cause after their bound, and let all others pass", async () => {
    await publish("kills");
    for (const id of ["throws", "refused"]) await publish(id);
    await publish("torn", Uint8Array.of(0xff));
    const good = Array.from({ length: goodCount }, (_, index) => `good-${index}`);
    for (const id of good) await publish(id);
    void keepRunning();
    await eventually("the others", () => good.every((id) => inbox.stateOf(id) === "done"), patienceMs);
    // Tried again five times, a fifth of a second apart, which holds up nobody.
    await eventually("all parked", () => inbox.counts().parked === 4, patienceMs);
    const found = inbox.parkedList().map(({ message, cause, attempts }) => [message.id, attempts, cause] as const);
    assert.deepEqual(found.sort(), [
      ["kills", 0, "started 5 times and never finished"],
      ["refused", 5, "ORDER_CLOSED: the order is closed"],
      ["throws", 5, "TypeError: cannot read that"],
      ["torn", 1, `UndecodableEventError: payload is not a ${type}`],
    ]);
    await eventually("a metric that shows them", () => parkedMetric === "4", patienceMs);
    // It dies at the first delivery, which nobody expects, and then once for each start that is counted.
    assert.equal(deaths, 6);
  });

  it("are listed, and shown with all but their secrets", async () => {
    const { code, out } = await parked();
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^${service}: 4 parked\n`));
    assert.match(
      out,
      /^ {2}throws {2}20\d\d-.*Z {2}shop\.order\.v1\.OrderReadyForPayment {2}orders\/throws {2}TypeError: cannot read that$/m,
    );

    const shown = await parked("throws");
    const { times, ...rest } = JSON.parse(shown.out);
    assert.equal(times.recorded, "2026-01-02T00:00:00.000Z");
    assert.ok(times.received <= times.parked);
    assert.deepEqual(rest, {
      id: "throws",
      type,
      cause: "TypeError: cannot read that",
      attempts: 5,
      headers: { aggregate: "orders/throws", version: 3, traceparent },
      payload: { order: "orders/throws", version: "3", paymentToken: "(not shown)" },
    });

    const torn = JSON.parse((await parked("torn")).out);
    assert.deepEqual([torn.payload.bytes, typeof torn.payload.notDecoded], [1, "string"]);
    const unknown = await parked("nobody");
    assert.deepEqual([unknown.code, unknown.err], [1, `${service} has parked no message nobody\n`]);
  });

  it("are tried again when they are replayed, at once by the running service", async () => {
    const again = await parked("throws", "replay");
    assert.match(again.out, /1 tried again\n/);
    await eventually("parked again", () => inbox.stateOf("throws") === "parked");

    writeFileSync(join(folder, "healed"), "");
    const all = await parked("all", "replay");
    assert.equal(all.code, 0, all.err);
    assert.match(all.out, /: 4 tried again\n/);
    for (const id of ["throws", "refused", "kills"]) assert.match(all.out, new RegExp(`^ {2}${id} {2}done$`, "m"));
    assert.match(all.out, /^ {2}torn {2}parked again: UndecodableEventError/m);
    assert.equal(states("throws", "refused", "kills", "torn"), "done,done,done,parked");
  });

  it("wait for the service when it does not run, and are tried at its next start", async () => {
    isOver = true;
    await child?.kill();
    const { out } = await parked("torn", "replay");
    assert.match(out, /^ {2}torn {2}waits; .* tries it as long as it runs$/m);
    isOver = false;
    const replayTime = Date.now();
    void keepRunning();
    await eventually(
      "parked again",
      () => inbox.parkedList().some(({ message, parkTime }) => message.id === "torn" && parkTime >= replayTime),
      patienceMs,
    );
  });

  it("hold up no other for a second, however often they are tried", async () => {
    rmSync(join(folder, "healed"));
    let goods = goodCount;
    /** How long a good message was held up while the service ran, ms. */
    const passGood = async () => {
      const id = `good-${goods++}`;
      const startTime = performance.now();
      await publish(id);
      await eventually(id, () => inbox.stateOf(id) === "done", patienceMs);
      const endTime = performance.now();
      const down = downTimes.map(({ from, until }) => Math.min(until, endTime) - Math.max(from, startTime));
      return endTime - startTime - down.reduce((sum, ms) => sum + Math.max(0, ms), 0);
    };
    const longestMs: Record<string, number> = {};
    for (const id of ["throws-again", "refused-again", "torn-again", "kills-again"]) {
      const deathsBefore = deaths;
      const waits: number[] = [];
      await publish(id, id === "torn-again" ? Uint8Array.of(0xff) : undefined);
      do waits.push(await passGood());
      while (inbox.stateOf(id) !== "parked");
      assert.equal(deaths - deathsBefore, id === "kills-again" ? 6 : 0, id);
      longestMs[id] = Math.round(Math.max(...waits));
    }
    console.log(`      ${goods - goodCount} others, the longest held up for, in ms: ${JSON.stringify(longestMs)}`);
    for (const ms of Object.values(longestMs)) assert.ok(ms <= othersWaitMaxMs, JSON.stringify(longestMs));
  });
});
