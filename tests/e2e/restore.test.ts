import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { audit } from "../../tools/audit/audit.ts";
import { databaseFile } from "../../tools/audit/database-file.ts";
import { describeFinding } from "../../tools/audit/finding.ts";
import { backUp } from "../../tools/backup/back-up.ts";
import type { Manifest } from "../../tools/backup/manifest.ts";
import { restore } from "../../tools/backup/restore.ts";
import { waitUntil } from "../../tools/stack/ready.ts";
import { type NativeSystem, startNativeSystem } from "./native-system.ts";
import { logIn, newCustomer, newProduct, type ShopClient } from "./shop-client.ts";

/** An order and between which moments it was acknowledged. */
interface Placed {
  readonly id: string;
  readonly askTime: number;
  readonly answerTime: number;
}

const streams = 3;
const tokens = ["tok_visa", "tok_declined", "tok_delay_200", "tok_timeout"];
const enoughTimeoutMs = 60_000;
/** Of the orders placed while product-svc is away, so many have surely left for the broker. */
const [placedMeanwhile, onTheWayMin] = [15, 5];

describe("a shop that is restored from a backup taken at work", function () {
  this.timeout(240_000);
  let folder: string;
  let dataDir: string;
  let target: string;
  let system: NativeSystem;
  let manifest: Manifest;
  const placed: Placed[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "quartet-drill-"));
    [dataDir, target] = [join(folder, "data"), join(folder, "backup")];
    system = await startNativeSystem({ dataDir });
    const admin = await logIn(system.gateway, system.admin);
    const ada = await newCustomer(system.gateway);
    const cup = await newProduct(admin, { initialQuantity: 10_000 });
    await ada.settles(await ada.order([{ product: cup, quantity: 1 }]));

    let isOver = false;
    const stream = async (customer: ShopClient, first: number) => {
      for (let number = first; !isOver; number++) {
        const askTime = Date.now();
        const order = await customer.order([{ product: cup, quantity: 1 }], tokens[number % tokens.length]);
        placed.push({ id: order.name.replace("orders/", ""), askTime, answerTime: Date.now() });
        if (number % 5 === 0) await customer.cancel(order);
      }
    };
    const running = Promise.all(Array.from({ length: streams }, (_, first) => stream(ada, first)));
    const atLeast = async (count: number) => {
      assert.ok(await waitUntil(() => placed.length >= count, enoughTimeoutMs, 5), `${placed.length} orders`);
    };
    // Awaited below; until then its failure shows in the count that does not rise.
    running.catch(() => {});
    try {
      await atLeast(10);
      // What is sent to it meanwhile is with the broker at the moment of the backup, and nowhere else when that is emptied.
      await system.stop("product-svc");
      await atLeast(placed.length + placedMeanwhile);
      manifest = await backUp({ dataDir, target });
      await system.start("product-svc");
      await atLeast(placed.length + 20);
    } finally {
      isOver = true;
    }
    await running;
    await assertBooksAgree(system);
    await system.close();
  });
  after(async () => {
    await system?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const cut = () => Date.parse(manifest.cutTime);
  const kept = () => placed.filter(({ answerTime }) => answerTime < cut());
  const lost = () => placed.filter(({ askTime }) => askTime > cut());

  it("has files in the backup of which each is whole and none is ahead of another", async () => {
    const { findings, waiting } = await audit({
      read: async (source, queries) => readSnapshot(databaseFile(target, source), queries) as Record<string, unknown[]>,
      // Nothing runs there: what waits, waits.
      down: async () => ["rabbitmq"],
    });
    assert.deepEqual(findings.map(describeFinding), []);
    const onTheWay = waiting.filter(({ what }) => /has sent .* has not handled it/.test(what));
    assert.ok(onTheWay.length >= onTheWayMin, "the audit names what was on its way");
    assert.ok(kept().length >= 20 && lost().length >= 10);
  });

  it("settles every order that was acknowledged before the backup, by events that are published again", async () => {
    const rmBroker = async () => rmSync(join(dataDir, "rabbitmq", "data"), { recursive: true, force: true });
    const { replayed } = await restore({ dataDir, from: target, emptyBroker: rmBroker });
    assert.ok((replayed.get("order-svc") ?? 0) >= onTheWayMin, JSON.stringify([...replayed]));
    system = await startNativeSystem({ dataDir });
    // What has waited since before the backup is old, and an offence until it is done.
    let problems: readonly string[] = [];
    const isAtRest = async () => {
      const { findings, waiting } = await audit(system, { acknowledged: kept().map(({ id }) => id) });
      // The provider remembers: see the next test.
      const unexplained = findings.filter(({ what }) => !/nobody here asked for it/.test(what));
      problems = [...unexplained, ...waiting].map(describeFinding);
      return problems.length === 0;
    };
    await waitUntil(isAtRest, enoughTimeoutMs);
    assert.deepEqual(problems, []);
  });

  it("names every order that was acknowledged after it, and whose money the provider has", async () => {
    const ids = lost().map(({ id }) => id);
    const { findings, books } = await audit(system, { acknowledged: ids });
    const missing = findings.filter(({ what }) => what === "was acknowledged and is not there");
    assert.deepEqual(missing.map(({ about }) => about).sort(), ids.map((id) => `orders/${id}`).sort());

    const known = new Set((books.first("order-svc", "orders") ?? []).map(({ id }) => id));
    const orphans = (books.first("test-provider", "operations") ?? [])
      .filter(({ key, status }) => status !== "DECLINED" && !known.has(key.split("/")[1] ?? ""))
      .map(({ key }) => key);
    const named = findings.filter(({ what }) => /^(CAPTURED|REFUNDED) .* nobody here asked for it$/.test(what));
    assert.deepEqual(named.map(({ about }) => about).sort(), orphans.sort());
  });

  it("goes on selling", async () => {
    const admin = await logIn(system.gateway, system.admin);
    const cup = await newProduct(admin);
    const bob = await newCustomer(system.gateway);
    assert.equal((await bob.settles(await bob.order([{ product: cup, quantity: 1 }]))).state, "STATE_CONFIRMED");
  });
});
