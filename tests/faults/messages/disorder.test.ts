import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@quartet/chassis/storage/database";
import { chassisMigrations, migrate } from "@quartet/chassis/storage/migrate";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { startTestProcess } from "@quartet/chassis/testing/child-process";
import { after, before, describe, it } from "mocha";
import { migrations } from "../../../product-svc/src/migrations.ts";
import { createProductStore } from "../../../product-svc/src/storage/product-store.ts";
import { aProduct } from "../../../product-svc/src/testing/builders.ts";
import { quantity, stockMessages, stockOrders } from "./stock-messages.ts";

const child = new URL("disorder.test-child.ts", import.meta.url);
const available = 1_000;

describe("two processes on one file that get the same messages at once", function () {
  this.timeout(120_000);
  let dir: string;
  const open = () => openDatabase({ file: join(dir, "product-svc.sqlite") });

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "quartet-disorder-"));
    const database = open();
    await migrate(database, [chassisMigrations, migrations]);
    const now = () => 0;
    const toOutgoing = () => assert.fail("nothing is told of this product");
    const products = createProductStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
    await products.create(undefined, () => ({ next: aProduct({ id: "cup", available }), events: [] }));
    await database.close();
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("have each effect once, though every message comes up to 5 times to each of them, shuffled among 100", async () => {
    const children = ["one", "other"].map((seed) => startTestProcess(child, [dir, seed]));
    writeFileSync(join(dir, "go"), "");
    const counts = await Promise.all(children.map(async (process) => JSON.parse(await process.nextLine())));
    assert.deepEqual(await Promise.all(children.map(({ exit }) => exit)), [0, 0]);

    const messages = stockMessages();
    const sum = (what: string) => counts.reduce((total, count) => total + count[what], 0);
    assert.equal(sum("done"), messages.length);
    // A sale that comes before its hold cannot be done yet.
    assert.ok(sum("failed") > 0, JSON.stringify(counts));
    assert.ok(sum("duplicate") > 2 * messages.length, JSON.stringify(counts));

    const database = open();
    const { sqlite } = database;
    const endings = sqlite.prepare<[], [string, string]>("SELECT order_id, state FROM reservations").raw().all();
    const ofState = (state: string) => quantity * [...stockOrders.values()].filter((ending) => ending === state).length;
    const [held, sold] = [ofState("HELD"), ofState("SOLD")];
    const product = sqlite.prepare("SELECT available, held, sold FROM products").get();
    const inbox = sqlite.prepare("SELECT state, count(*) AS count FROM inbox GROUP BY state").all();
    await database.close();
    assert.deepEqual(new Map(endings), stockOrders);
    assert.deepEqual(inbox, [{ state: "done", count: messages.length }]);
    assert.deepEqual(product, { available: available - held - sold, held, sold });
  });
});
