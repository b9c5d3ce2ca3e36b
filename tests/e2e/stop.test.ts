import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { eventually } from "@quartet/chassis/testing/eventually";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { databaseFile } from "../../tools/audit/database-file.ts";
import { type ServiceName, serviceNames } from "../../tools/stack/stack-config.ts";
import { type NativeSystem, startNativeSystem } from "./native-system.ts";
import { logIn, newCustomer, newProduct, patient, type ShopClient } from "./shop-client.ts";

const stopTimeMaxMs = 10_000;
const customersAtOnce = 8;
/** What a service logs on its way out, in this order. */
const farewell = ["stopping", "stopped"];

describe("a service that is told to stop while the shop is busy", function () {
  this.timeout(120_000);
  let system: NativeSystem;
  let customers: ShopClient[];
  let cup: string;
  let isOver = false;
  let work: Promise<unknown>;
  let orders = 0;

  before(async () => {
    system = await startNativeSystem();
    const admin = await logIn(system.gateway, system.admin);
    cup = await newProduct(admin, { initialQuantity: 100_000 });
    customers = [];
    for (let count = 0; count < customersAtOnce; count++) customers.push(patient(await newCustomer(system.gateway)));
    // At the first start of all the broker is given time before anything is entrusted to it.
    for (const service of serviceNames)
      await eventually(`${service} publishes`, async () => (await unsent(service)) === 0, 30_000);
    const shop = async (customer: ShopClient) => {
      while (!isOver) {
        const order = await customer.order([{ product: cup, quantity: 1 }]);
        orders += 1;
        await customer.get(`/v1/${order.name}`);
      }
    };
    work = Promise.all(customers.map(shop));
  });
  after(async () => {
    isOver = true;
    await work?.catch(() => {});
    await system?.close();
  });

  for (const service of serviceNames) {
    it(`${service} ends in order within ten seconds, and leaves nothing for its next start`, async () => {
      const before = orders;
      await waitForOrders(before + 20);
      const startTime = performance.now();
      await system.stop(service);
      const tookMs = performance.now() - startTime;
      const status = system.stack.status().find(({ name }) => name === service);
      assert.deepEqual([status?.state, status?.lastExit], ["stopped", 0]);
      assert.ok(tookMs < stopTimeMaxMs, `${Math.round(tookMs)} ms`);

      const said = (await system.logs(service)).split("\n").filter((line) => line.startsWith("{"));
      const messages = said.map((line) => JSON.parse(line) as { msg: string; level: string });
      assert.deepEqual(
        messages.map(({ msg }) => msg).filter((msg) => farewell.includes(msg)),
        farewell,
      );
      assert.equal(messages.at(-1)?.msg, "stopped");

      // Its log of changes is in the file, and its last events are with the broker.
      const file = databaseFile(system.dataDir, service);
      assert.ok(!existsSync(`${file}-wal`) || statSync(`${file}-wal`).size === 0, "the WAL is not checkpointed");
      assert.equal(await unsent(service), 0);
      await system.start(service);
    });
  }

  it("leaves the books in agreement", async () => {
    isOver = true;
    await work;
    await assertBooksAgree(system);
  });

  async function unsent(service: ServiceName): Promise<number | undefined> {
    const sql = "SELECT count(*) AS count FROM outbox WHERE sent_time IS NULL";
    return (await system.query<{ count: number }>(service, sql))[0]?.count;
  }
  async function waitForOrders(count: number): Promise<void> {
    while (orders < count) await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
