import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@quartet/chassis/testing/eventually";
import { startTcpProxy, type TcpProxy } from "@quartet/chassis/testing/tcp-proxy";
import { type ChannelModel, connect } from "amqplib";
import BetterSqlite3 from "better-sqlite3";
import { after, afterEach, before, describe, it } from "mocha";
import type { OrderJson } from "../e2e/shop-client.ts";
import { type ExampleProcess, startExample } from "./example-process.ts";
import type { ExampleShop } from "./example-shop.ts";
import { findPython, makePythonVenv } from "./programs.ts";

const sourceDir = join(import.meta.dirname, "..", "..", "examples", "python-consumer");
const queue = "packing-list";
const settleTimeoutMs = 60_000;

interface Line {
  readonly orderName: string;
  readonly event: string;
  readonly items: string;
}

/** What the Python consumer does on a running shop. Each case ends with every order on its list, once. */
export function packingListCases(shop: () => ExampleShop): void {
  describe("Python consumer", () => {
    let python: string;
    let folder: string;
    let proxy: TcpProxy;
    let consumer: ExampleProcess;

    before(async function () {
      const found = findPython(process.env);
      if ("missing" in found) {
        console.log(found.missing);
        this.skip();
      }
      python = await makePythonVenv(found.file);
      folder = mkdtempSync(join(tmpdir(), "quartet-packing-list-"));
      proxy = await startTcpProxy(shop().system.stack.ports.amqp);
      await restart();
    });
    after(async () => {
      await consumer?.stop();
      await proxy?.stop();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });
    afterEach(() => agrees());

    const run = (...args: string[]) => {
      const { system } = shop();
      const amqp = new URL(system.stack.urls.amqp);
      amqp.port = String(proxy.port);
      return startExample(python, args, {
        AMQP_URL: amqp.href,
        GATEWAY: new URL(system.gateway).host,
        SHOP_EMAIL: system.admin.email,
        SHOP_PASSWORD: system.admin.password,
        PACKING_LIST: join(folder, "packing-list.sqlite"),
        PYTHONPATH: sourceDir,
        PYTHONDONTWRITEBYTECODE: "1",
      });
    };
    const restart = async () => {
      consumer = run(join(sourceDir, "packing_list.py"));
      await consumer.writes(/consuming/);
    };
    const order = (paymentToken?: string): Promise<OrderJson> =>
      shop().ada.order([{ product: shop().cup, quantity: 2 }], paymentToken);
    const ordered = async (paymentToken?: string) => shop().ada.settles(await order(paymentToken));

    /** The list and the shop agree, once what is on its way has come: no order is missing and none is there twice. */
    async function agrees(): Promise<void> {
      const orders = (where: string) => shop().system.query<{ name: string }>("order-svc", ordersWhere(where));
      const expected = {
        confirmed: namesOf(await orders("confirm_time IS NOT NULL")),
        cancelled: namesOf(await orders("state = 'CANCELLED'")),
        toPack: namesOf(await orders("state = 'CONFIRMED'")),
      };
      const listed = () => {
        const lines = list<Line>(folder, "SELECT order_name AS orderName, event, items FROM lines");
        const of = (event: string) => lines.filter((line) => line.event === event).map(({ orderName }) => orderName);
        return {
          confirmed: of("OrderConfirmed").sort(),
          cancelled: of("OrderCancelled").sort(),
          toPack: namesOf(list(folder, "SELECT order_name AS name FROM packing_list")),
        };
      };
      const isComplete = () => JSON.stringify(listed()) === JSON.stringify(expected);
      await eventually("the list agrees with the orders", isComplete, settleTimeoutMs).catch(() => {
        assert.deepEqual(listed(), expected, consumer.output);
      });
      assert.deepEqual(await depths(), [0, 0]);
    }

    /** Messages that wait in the queue and those among its dead letters. */
    const depths = () =>
      withBroker(async (connection) => {
        const channel = await connection.createChannel();
        const queues = [await channel.checkQueue(queue), await channel.checkQueue(`${queue}.dead`)];
        return queues.map(({ messageCount }) => messageCount);
      });
    const withBroker = async <T>(work: (connection: ChannelModel) => Promise<T>): Promise<T> => {
      const connection = await connect(shop().system.stack.urls.amqp);
      try {
        return await work(connection);
      } finally {
        await connection.close();
      }
    };

    it("lists every order that is confirmed, once, with what is in it, and no other", async () => {
      const [confirmed, declined, cancelled] = await Promise.all([
        ordered(),
        ordered("tok_declined"),
        ordered().then((placed) => shop().ada.cancel(placed)),
        ...Array.from({ length: 5 }, () => ordered()),
      ]);
      await agrees();
      const lines = list<{ name: string; items: string }>(folder, "SELECT order_name AS name, items FROM packing_list");
      assert.equal(lines.find(({ name }) => name === confirmed.name)?.items, "2 × Cup");
      assert.ok(lines.every(({ name }) => name !== declined.name && name !== cancelled.name));
    });

    it("does the work once when it is killed between its work and its acknowledgement", async () => {
      assert.equal(await consumer.stop(), 0);
      const dying = run(join(import.meta.dirname, "dies_before_ack.py"));
      await dying.writes(/consuming/);
      const { name } = await ordered();
      assert.equal(await dying.ended, "SIGKILL");
      assert.match(dying.output, new RegExp(`OrderConfirmed ${name}: 2 × Cup`));
      await restart();
      await consumer.writes(new RegExp(`OrderConfirmed ${name}: came again`));
    });

    it("finds the events of the time when it did not run", async () => {
      assert.equal(await consumer.stop(), 0);
      await ordered();
      await ordered("tok_declined");
      await restart();
    });

    it("believes the later event of an order when it comes first", async () => {
      assert.equal(await consumer.stop(), 0);
      const { name } = await shop().ada.cancel(await ordered());
      await eventually("both events in the queue", async () => (await depths())[0] === 2);
      await withBroker(async (connection) => {
        const channel = await connection.createConfirmChannel();
        const messages = [await channel.get(queue), await channel.get(queue)].filter((message) => message !== false);
        const types = messages.map(({ properties }) => properties.type);
        assert.deepEqual(types, ["shop.order.v1.OrderConfirmed", "shop.order.v1.OrderCancelled"]);
        for (const { content, properties } of messages.reverse()) channel.sendToQueue(queue, content, properties);
        await channel.waitForConfirms();
        channel.ackAll();
        // The answer to it comes after the acknowledgement has been read.
        await channel.close();
      });
      await restart();
      await consumer.writes(new RegExp(`OrderCancelled ${name}: .*\\n.*OrderConfirmed ${name}: 2 × Cup`));
    });

    it("goes on when its connection breaks", async () => {
      const placed = Promise.all(Array.from({ length: 5 }, () => ordered()));
      proxy.cut();
      await placed;
      proxy.cut();
      await ordered();
      assert.match(consumer.output, /no broker/);
    });

    it("goes on when the broker restarts, and so does the shop", async () => {
      const before = await order();
      await shop().system.stop("rabbitmq");
      const meanwhile = await order();
      await shop().system.start("rabbitmq");
      for (const placed of [before, meanwhile]) {
        assert.equal((await shop().ada.settles(placed)).state, "STATE_CONFIRMED");
      }
    });

    it("keeps a message while the shop does not answer it", async () => {
      assert.equal(await consumer.stop(), 0);
      await ordered();
      await shop().system.stop("order-svc");
      try {
        await restart();
        await consumer.writes(/waiting: UNAVAILABLE/);
      } finally {
        await shop().system.start("order-svc");
      }
    });

    it("logs in again when its token is no good any more", async () => {
      const { name } = await ordered();
      const { gateway, admin } = shop().system;
      const script = [
        "import sys; from shop_client import ShopClient",
        "shop = ShopClient(*sys.argv[1:4]); shop._token = 'used.up.token'",
        "print(shop.get_order(sys.argv[4]).name, shop.get_order(sys.argv[4]).name)",
      ].join("\n");
      const caller = run("-c", script, new URL(gateway).host, admin.email, admin.password, name);
      assert.equal(await caller.ended, 0, caller.output);
      assert.equal(caller.output, `${name} ${name}\n`);
    });

    it("puts what is no event among its dead letters, and goes on", async () => {
      await withBroker(async (connection) => {
        const channel = await connection.createConfirmChannel();
        const type = "shop.order.v1.OrderConfirmed";
        channel.sendToQueue(queue, Buffer.from("not protobuf"), { type, messageId: "1" });
        channel.sendToQueue(queue, Buffer.alloc(0), { type: "shop.order.v1.OrderSent", messageId: "2" });
        channel.sendToQueue(queue, Buffer.alloc(0), { type });
        await channel.waitForConfirms();
      });
      await ordered();
      await eventually("three dead letters", async () => (await depths())[1] === 3);
      await withBroker(async (connection) => (await connection.createChannel()).purgeQueue(`${queue}.dead`));
    });

    it("declares its queue again when somebody deletes it, and the shop goes on meanwhile", async () => {
      await withBroker(async (connection) => (await connection.createChannel()).deleteQueue(queue));
      await eventually("the queue is back", () =>
        withBroker(async (connection) => {
          const channel = await connection.createChannel();
          channel.on("error", () => {});
          return channel.checkQueue(queue).then(
            ({ consumerCount }) => consumerCount === 1,
            () => false,
          );
        }),
      );
      assert.equal((await ordered()).state, "STATE_CONFIRMED");
    });
  });
}

const ordersWhere = (condition: string) => `SELECT 'orders/' || id AS name FROM orders WHERE ${condition}`;
const namesOf = (rows: readonly { name: string }[]) => rows.map(({ name }) => name).sort();

function list<Row>(folder: string, sql: string): Row[] {
  const database = new BetterSqlite3(join(folder, "packing-list.sqlite"), { readonly: true });
  try {
    return database.prepare(sql).all() as Row[];
  } finally {
    database.close();
  }
}
