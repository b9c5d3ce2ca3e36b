import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLeaderLock } from "@quartet/chassis/storage/leader-lock";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import BetterSqlite3 from "better-sqlite3";
import { after, before, beforeEach, describe, it } from "mocha";
import { audit } from "../audit/audit.ts";
import { databaseFile } from "../audit/database-file.ts";
import { describeFinding } from "../audit/finding.ts";
import { openSmallShop } from "../audit/testing/small-shop.ts";
import { backUp } from "./back-up.ts";
import { providerFile, serviceFiles } from "./backed-up-files.ts";
import { manifestName, readManifest, sha256Of } from "./manifest.ts";
import { markForReplay } from "./replay.ts";
import { allowStart, putBack, restore } from "./restore.ts";

const startTime = Date.UTC(2026, 0, 1);
const cutTime = startTime + 50_000;
const laterTime = startTime + 100_000;
/** SQLite's. */
const pageBytes = 4_096;

describe("backup and restore", function () {
  this.timeout(30_000);
  let folder: string;
  /** A shop with an order before the backup, and one after it. */
  let dataDir: string;
  let backup: string;
  let [earlier, later] = ["", ""];
  let count = 0;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "quartet-backup-"));
    const [shopDir, target] = [join(folder, "shop"), join(folder, "kept")];
    const shop = await openSmallShop(shopDir, startTime);
    await shop.signUp("ada");
    const cup = await shop.createProduct(100);
    await shop.settle();
    earlier = await shop.order("ada", cup);
    await shop.settle();
    // While the shop has its files open.
    await backUp({ dataDir: shopDir, target, now: () => cutTime });
    later = await shop.order("ada", cup);
    await shop.settle();
    await shop.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    count += 1;
    [dataDir, backup] = [join(folder, `shop-${count}`), join(folder, `kept-${count}`)];
    cpSync(join(folder, "shop"), dataDir, { recursive: true });
    cpSync(join(folder, "kept"), backup, { recursive: true });
  });

  const look = async (dir: string) => {
    const read = async (source: Parameters<typeof databaseFile>[1], queries: Record<string, string>) =>
      readSnapshot(databaseFile(dir, source), queries) as Record<string, unknown[]>;
    const { findings, waiting } = await audit({ read }, { now: () => laterTime });
    return [...findings, ...waiting].map(describeFinding);
  };
  const orders = (dir: string) =>
    readSnapshot(databaseFile(dir, "order-svc"), { rows: "SELECT id FROM orders ORDER BY id" }).rows?.map(
      (row) => (row as { id: string }).id,
    );
  /** Everything in a folder, with what is in it. */
  const contents = (dir: string) =>
    readdirSync(dir, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(dir, path)).isFile() && !/-(wal|shm|journal)$/.test(path))
      .sort()
      .map((path) => [path, readFileSync(join(dir, path)).toString("base64")]);
  const replaced = (service: string) => {
    const name = readdirSync(join(dataDir, service)).find((candidate) => candidate.startsWith("replaced-"));
    return join(dataDir, service, name ?? "nothing was replaced");
  };

  it("keeps one file of each service and the provider's record, and says what they are", async () => {
    const manifest = readManifest(backup);
    assert.equal(manifest.cutTime, new Date(cutTime).toISOString());
    assert.deepEqual(
      manifest.files.map(({ path }) => path),
      [...serviceFiles, providerFile],
    );
    for (const { path, bytes, sha256, migrations } of manifest.files) {
      assert.deepEqual([statSync(join(backup, path)).size, await sha256Of(join(backup, path))], [bytes, sha256]);
      if (path !== providerFile) assert.ok(migrations.includes("chassis/0001_messages.sql"), path);
    }
    assert.deepEqual(
      contents(backup).map(([path]) => path),
      [...serviceFiles, providerFile, manifestName].sort(),
    );
  });

  it("can be read by its owner only", async () => {
    const target = join(folder, "private");
    await backUp({ dataDir, target });
    const modes = ["", ...readdirSync(target, { recursive: true, encoding: "utf8" })].map((path) =>
      (statSync(join(target, path)).mode & 0o077).toString(8),
    );
    assert.deepEqual([...new Set(modes)], ["0"]);
  });

  it("is of one moment, in which the books agree", async () => {
    assert.deepEqual(await look(backup), []);
    assert.deepEqual(orders(backup), [earlier]);
  });

  it("is not written over, and not where there is nothing", async () => {
    await assert.rejects(backUp({ dataDir, target: backup }), /exists already/);
    const target = join(folder, "nowhere");
    await assert.rejects(backUp({ dataDir: join(folder, "none"), target }), /There is nothing to back up/);
    assert.equal(existsSync(target), false);
  });

  it("brings everything back as it was, and keeps what was there", async () => {
    const { manifest, replacedName, replayed } = await restore({ dataDir, from: backup });
    assert.equal(manifest.cutTime, new Date(cutTime).toISOString());
    assert.deepEqual(orders(dataDir), [earlier]);
    assert.equal(replaced("order-svc"), join(dataDir, "order-svc", replacedName));
    const kept = readSnapshot(join(replaced("order-svc"), "order-svc.sqlite"), { rows: "SELECT id FROM orders" });
    assert.equal(kept.rows?.length, 2);
    assert.deepEqual([...new Set(replayed.values())], [0]);
  });

  it("cannot turn back the provider: the audit names what it did for an order that is lost", async () => {
    await restore({ dataDir, from: backup });
    assert.deepEqual(await look(dataDir), [
      `I5 payment-svc and test-provider: capture/${later}: CAPTURED 2598 EUR by the provider, and nobody here asked for it`,
    ]);
  });

  it("brings the provider's record to a machine that has none", async () => {
    const fresh = join(folder, `fresh-${count}`);
    await restore({ dataDir: fresh, from: backup });
    assert.deepEqual(await look(fresh), []);
    assert.ok(existsSync(join(fresh, providerFile)));
  });

  describe("restores in the place of a damaged database, which is kept", () => {
    const damages: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
      "cut short": (bytes) => bytes.subarray(0, 2 * pageBytes),
      "with a broken header": (bytes) => bytes.fill(255, 0, 100),
    };
    for (const [which, damage] of Object.entries(damages)) {
      it(which, async () => {
        const file = databaseFile(dataDir, "order-svc");
        const bytes = damage(readFileSync(file));
        writeFileSync(file, bytes);
        await restore({ dataDir, from: backup });
        assert.deepEqual(orders(dataDir), [earlier]);
        assert.ok(readFileSync(join(replaced("order-svc"), "order-svc.sqlite")).equals(bytes));
      });
    }
  });

  it("restores from files that nobody may write to, and what it restores its owner may read and write", async () => {
    for (const path of [...serviceFiles, providerFile]) chmodSync(join(backup, path), 0o444);
    const fresh = join(folder, `fresh-${count}`);
    await restore({ dataDir: fresh, from: backup });
    const modes = [...serviceFiles, providerFile].map((path) => (statSync(join(fresh, path)).mode & 0o777).toString(8));
    assert.deepEqual([...new Set(modes)], ["600"]);
  });

  describe("refuses a restore and changes nothing", () => {
    const refuses = async (what: RegExp) => {
      const before = contents(dataDir);
      await assert.rejects(restore({ dataDir, from: backup }), what);
      assert.deepEqual(contents(dataDir), before);
    };

    it("when a service runs", async () => {
      const lock = createLeaderLock({ file: join(dataDir, "payment-svc/payment-svc.sqlite"), onError: assert.ifError });
      lock.start();
      try {
        await refuses(/payment-svc is running: stop everything first/);
      } finally {
        await lock.stop();
      }
    });

    it("when somebody writes", async () => {
      const writer = new BetterSqlite3(join(dataDir, "user-svc/user-svc.sqlite"));
      writer.exec("BEGIN IMMEDIATE");
      try {
        await refuses(/user-svc is running/);
      } finally {
        writer.close();
      }
    });

    it("when a file of the backup is missing or was changed", async () => {
      const file = join(backup, "order-svc/order-svc.sqlite");
      const bytes = readFileSync(file);
      rmSync(file);
      await refuses(/order-svc\.sqlite is missing/);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(file, bytes);
      await refuses(/order-svc\.sqlite is not what was backed up/);
    });

    it("when a file is damaged, though it is what was backed up", async () => {
      const file = join(backup, "order-svc/order-svc.sqlite");
      const database = new BetterSqlite3(file);
      database.exec(
        "PRAGMA foreign_keys = OFF; DELETE FROM orders; PRAGMA journal_mode = DELETE; PRAGMA journal_mode = WAL",
      );
      database.close();
      const manifest = readManifest(backup);
      const sha256 = await sha256Of(file);
      const files = manifest.files.map((one) =>
        one.path.startsWith("order-svc") ? { ...one, sha256, bytes: statSync(file).size } : one,
      );
      writeFileSync(join(backup, manifestName), JSON.stringify({ ...manifest, files }));
      await refuses(/kept-\d+\/order-svc\/order-svc\.sqlite is damaged: broken reference from order_lines/);
    });

    it("when it is no backup, or one of a later version", async () => {
      writeFileSync(join(backup, manifestName), '{"format":2}');
      await refuses(/a form that this version does not know/);
      writeFileSync(join(backup, manifestName), "no JSON");
      await refuses(/it has no manifest\.json that can be read/);
    });
  });

  it("leaves a mark when it is interrupted, beside which no service starts, and can be repeated", async () => {
    const emptyBroker = async () => {
      throw new Error("the broker does not answer");
    };
    await assert.rejects(restore({ dataDir, from: backup, emptyBroker }), /does not answer/);
    for (const path of serviceFiles) assert.ok(existsSync(join(dataDir, path, "..", "restore.part")), path);
    await restore({ dataDir, from: backup, now: () => laterTime });
    for (const path of serviceFiles) assert.equal(existsSync(join(dataDir, path, "..", "restore.part")), false);
    assert.deepEqual(orders(dataDir), [earlier]);
  });

  describe("in two steps, for whoever empties the broker between them", () => {
    const marks = () => serviceFiles.filter((path) => existsSync(join(dataDir, path, "..", "restore.part")));

    it("lets no service start before the second", async () => {
      const { replacedName, replayed } = await putBack({ dataDir, from: backup });
      assert.deepEqual(orders(dataDir), [earlier]);
      assert.equal(replaced("order-svc"), join(dataDir, "order-svc", replacedName));
      assert.deepEqual([...new Set(replayed.values())], [0]);
      assert.deepEqual(marks(), serviceFiles);
      allowStart(dataDir);
      assert.deepEqual(marks(), []);
    });

    it("can be repeated between them", async () => {
      await putBack({ dataDir, from: backup });
      await putBack({ dataDir, from: backup, now: () => laterTime });
      assert.deepEqual([orders(dataDir), marks()], [[earlier], serviceFiles]);
    });

    it("is a program too, which leaves it to its caller to say that it is done", () => {
      const run = (...args: string[]) => {
        const program = join(import.meta.dirname, "main.ts");
        return spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
      };
      const first = run("put-back", dataDir, backup);
      assert.match(first.stdout, /^Everything is as it was at 2026-01-01T00:00:50\.000Z\. /);
      assert.deepEqual([first.status, first.stderr, marks()], [0, "", serviceFiles]);
      const second = run("allow-start", dataDir);
      assert.deepEqual([second.status, second.stdout, marks()], [0, "", []]);
      const refused = run("put-back", dataDir, join(folder, "none"));
      assert.deepEqual([refused.status, refused.stdout], [1, ""]);
      assert.match(refused.stderr, /is no backup/);
    });
  });

  describe("what has to be published again", () => {
    /** Events that left for the broker and never came out of it. */
    const loseOnTheWay = async () => {
      const shop = await openSmallShop(dataDir, laterTime);
      const product = shop.databases["product-svc"].sqlite.prepare("SELECT id FROM products").pluck().get() as string;
      const lost = [await shop.order("ada", product), await shop.order("ada", product)];
      shop.databases["order-svc"].sqlite.exec(`UPDATE outbox SET sent_time = ${laterTime} WHERE sent_time IS NULL`);
      await shop.close();
      return lost;
    };
    const settleAll = async () => {
      const shop = await openSmallShop(dataDir, laterTime + 10_000);
      await shop.settle();
      await shop.close();
    };

    it("is what was sent and not handled, after which the books agree", async () => {
      const lost = await loseOnTheWay();
      await settleAll();
      const found = await look(dataDir);
      for (const order of lost) {
        assert.ok(
          found.some((line) => /has sent .*OrderPlaced.* has not handled it/.test(line) && line.includes(order)),
        );
      }
      assert.equal(markForReplay(dataDir).get("order-svc"), 2);
      await settleAll();
      assert.deepEqual(await look(dataDir), []);
      assert.deepEqual([...new Set(markForReplay(dataDir).values())], [0]);
    });

    it("takes the later events about the same along, so that they arrive in their order", async () => {
      const [lost] = await loseOnTheWay();
      const shop = await openSmallShop(dataDir, laterTime + 5_000);
      await shop.cancel(lost ?? "");
      await shop.settle();
      await shop.close();
      assert.equal(markForReplay(dataDir).get("order-svc"), 3);
      await settleAll();
      assert.deepEqual(await look(dataDir), []);
    });

    it("is everything since a time, of which whoever has handled it takes no notice", async () => {
      const marked = markForReplay(dataDir, { since: startTime });
      for (const service of ["user-svc", "product-svc", "order-svc", "payment-svc"] as const) {
        assert.ok((marked.get(service) ?? 0) > 0, service);
      }
      const effects = () =>
        readSnapshot(databaseFile(dataDir, "order-svc"), {
          rows: "SELECT * FROM order_events ORDER BY order_id, sequence",
        });
      const before = effects();
      await settleAll();
      assert.deepEqual(effects(), before);
      assert.deepEqual(await look(dataDir), []);
    });
  });
});
