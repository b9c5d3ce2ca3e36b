import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import type { Topology } from "../events/topology.ts";
import { createLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { eventually } from "../testing/eventually.ts";
import { startTestRabbitMq, type TestRabbitMq } from "../testing/rabbitmq.ts";
import { startTcpProxy, type TcpProxy } from "../testing/tcp-proxy.ts";
import { createAmqpBroker } from "./amqp-broker.ts";
import type { Broker, BrokerMessage } from "./broker.ts";

const made = "things.v1.ThingMade";
const queue = "watcher-svc.events";
const bindings = { queue, types: [made] };
const topology: Topology = {
  exchange: "things.events",
  publishes: new Map([[made, 1]]),
  outbound: [bindings],
  inbound: bindings,
};
const user = "shop";
const password = "right";
const vhost = "shop";
const nodeStartMs = 90_000;
const returnTimeMaxMs = 20_000;

describe("AMQP broker that", function () {
  this.timeout(nodeStartMs);
  let node: TestRabbitMq;
  let proxy: TcpProxy;
  let broker: Broker;
  let address: () => string;
  let received: string[];
  let logged: { level: string; cause?: string; connection?: string }[];

  before(async () => {
    node = await startTestRabbitMq();
    proxy = await startTcpProxy(Number(new URL(node.url).port));
    await node.control("add_user", user, password);
    await createVhost();
  });
  after(async () => {
    await proxy.stop();
    await node.stop();
  });
  beforeEach(() => {
    received = [];
    logged = [];
    address = () => addressWith(password);
    broker = createAmqpBroker({
      url: () => address(),
      topology,
      appId: "thing-svc",
      log: createLogger({
        service: "thing-svc",
        level: "debug",
        destination: { write: (line) => logged.push(JSON.parse(line)) },
      }),
      metrics: createMetrics({ service: "thing-svc" }),
      queueSettleTimeMs: 0,
    });
    broker.subscribe({
      queue,
      prefetch: 100,
      deliver: async ({ id }) => void received.push(id),
      onUndecodable: () => Promise.reject(new Error("unexpected")),
    });
  });
  afterEach(() => broker.stop());

  const addressWith = (secret: string) => `amqp://${user}:${secret}@127.0.0.1:${proxy.port}/${vhost}?heartbeat=1`;
  async function createVhost(): Promise<void> {
    await node.control("add_vhost", vhost);
    await node.control("set_permissions", "-p", vhost, user, ".*", ".*", ".*");
  }
  async function connected(): Promise<void> {
    await eventually("both connections", () => broker.connected && broker.publishable, returnTimeMaxMs);
  }
  /** Publishes until it is confirmed, as the relay does, and waits for the delivery. */
  async function works(id: string): Promise<void> {
    const attempt = async () => (await broker.publish(message(id)).catch(() => "unavailable")) === "confirmed";
    await eventually(`confirmation of ${id}`, attempt, returnTimeMaxMs);
    await eventually(`delivery of ${id}`, () => received.includes(id), returnTimeMaxMs);
  }
  /** What somebody who reads the log is told of one of the two connections. */
  const complaints = () =>
    logged.filter(({ level, connection }) => level === "warn" && connection === "thing-svc publishing");

  it("does not know the password says so once, and connects as soon as it does", async () => {
    await node.control("change_password", user, "another");
    try {
      broker.start();
      await eventually("a complaint", () => complaints().length > 0);
      // Each further attempt is for those who ask for details.
      await eventually(
        "more attempts",
        () => logged.filter(({ level }) => level === "debug").length > 6,
        returnTimeMaxMs,
      );
    } finally {
      await node.control("change_password", user, password);
    }
    await connected();
    const [first, ...more] = complaints();
    assert.match(first?.cause ?? "", /ACCESS_REFUSED|403/);
    assert.deepEqual(more, []);
    assert.ok(!JSON.stringify(logged).includes(password));
    await works("a");
  });

  it("changes the password keeps its connections, refuses new ones, and takes them again with the old one", async () => {
    broker.start();
    await works("a");
    await node.control("change_password", user, "another");
    try {
      await works("b");
      await node.control("close_all_connections", "--vhost", vhost, "test");
      await eventually("a refusal", () => complaints().some(({ cause = "" }) => /ACCESS_REFUSED|403/.test(cause)));
      assert.equal(broker.connected, false);
    } finally {
      await node.control("change_password", user, password);
    }
    await works("c");
  });

  it("changes the password is connected to with the new one as soon as that is known here", async () => {
    broker.start();
    await works("a");
    await node.control("change_password", user, "another");
    try {
      await node.control("close_all_connections", "--vhost", vhost, "test");
      await eventually("a refusal", () => complaints().some(({ cause = "" }) => /ACCESS_REFUSED|403/.test(cause)));
      address = () => addressWith("another");
      await works("b");
    } finally {
      await node.control("change_password", user, password);
    }
  });

  it("cannot be found while the file with its address is not there is connected to when it is", async () => {
    address = () => {
      throw new Error("AMQP_URL cannot be read");
    };
    broker.start();
    await eventually("a complaint", () => complaints().some(({ cause }) => cause === "AMQP_URL cannot be read"));
    address = () => addressWith(password);
    await works("a");
  });

  it("loses its vhost is waited for, and everything is declared and known as new when it is back", async () => {
    const gaps = async () => {
      const types: string[] = [];
      await broker.fillGaps(async (lost) => void types.push(...lost));
      return types;
    };
    broker.start();
    await works("a");
    await gaps();
    assert.deepEqual(await gaps(), []);
    await node.control("delete_vhost", vhost);
    await eventually("the loss", () => !broker.connected, returnTimeMaxMs);
    await eventually(
      "a complaint",
      () => complaints().some(({ cause = "" }) => /virtual host/.test(cause)),
      returnTimeMaxMs,
    );
    await createVhost();
    await works("b");
    assert.deepEqual([...new Set(await gaps())], [made]);
  });

  it("closes channels (406) is connected to anew", async () => {
    broker.start();
    await works("a");
    // What the broker does with an acknowledgement of something that it has not delivered.
    await node.control("eval", "[rabbit_channel:do(P, {'basic.ack', 999999, false}) || P <- rabbit_channel:list()].");
    await eventually("a complaint", () => complaints().some(({ cause = "" }) => /PRECONDITION_FAILED|406/.test(cause)));
    await works("b");
  });

  it("has lost its exchange is given it back, and the event that found out is published", async () => {
    broker.start();
    await works("a");
    await node.control(
      "eval",
      `rabbit_exchange:delete(rabbit_misc:r(<<"${vhost}">>, exchange, <<"${topology.exchange}">>), false, <<"test">>).`,
    );
    await works("b");
  });

  it("says nothing any more is given up after two heartbeats", async () => {
    broker.start();
    await works("a");
    proxy.holdAnswers(true);
    try {
      await eventually("the loss", () => !broker.connected, returnTimeMaxMs);
      await eventually("a complaint", () => complaints().some(({ cause = "" }) => /[Hh]eartbeat/.test(cause)));
    } finally {
      proxy.holdAnswers(false);
    }
    await works("b");
  });

  it("is short of disk space pauses publishing, and takes what waits once", async () => {
    broker.start();
    await works("a");
    await node.control("set_disk_free_limit", "1000000GB");
    try {
      const first = broker.publish(message("b"));
      await eventually("pause", () => !broker.publishable, returnTimeMaxMs);
      assert.equal(broker.connected, true);
      // Acknowledgements pass, because they have a connection of their own.
      await node.control("set_disk_free_limit", "1MB");
      assert.equal(await first, "confirmed");
    } finally {
      await node.control("set_disk_free_limit", "1MB");
    }
    await works("c");
    assert.deepEqual(received, ["a", "b", "c"]);
  });
});

function message(id: string): BrokerMessage {
  return { id, type: made, aggregate: "things/1", version: 1, payload: Uint8Array.of(1), time: 1_000 };
}
