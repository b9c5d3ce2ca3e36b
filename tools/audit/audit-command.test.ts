import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { serviceNames } from "../stack/stack-config.ts";
import { databaseFile } from "./database-file.ts";
import type { AuditSource } from "./finding.ts";
import { planOf } from "./plan.ts";
import { leaveSoundShop, portOf, type SoundShop } from "./testing/sound-shop.ts";

/** SQLite's. */
const pageBytes = 4_096;

describe("make audit", function () {
  this.timeout(60_000);
  let shop: SoundShop;

  before(async () => {
    shop = await leaveSoundShop();
  });
  after(() => shop?.remove());

  const cli = join(import.meta.dirname, "..", "stack", "cli.ts");
  const run = (dataDir: string, env = {}) =>
    spawnSync(process.execPath, [cli, "audit"], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, QUARTET_DATA_DIR: dataDir, ...env },
    });

  it("prints the figures of each service and each pair, and what it could not look at", () => {
    const { status, stdout } = run(shop.dataDir);
    const lines = stdout.split("\n").map((line) => line.trim().replace(/ {2,}/g, "  "));
    for (const line of [
      "orders  6: 4 CANCELLED, 2 CONFIRMED",
      "pieces: 87 available + 0 held + 4 sold  91 = 91 put in",
      "payments  6: 3 CAPTURED, 1 DECLINED, 2 VOIDED",
      "captured  7,794 EUR = 7,794 EUR",
      "refunded  3,098 EUR = 3,098 EUR",
      "captured less refunded, and the ledger's PROVIDER_RECEIVABLE  4,696 EUR = 4,696 EUR",
      "shop.order.v1.OrderPlaced  6 published = 6 handled",
      "the queues of the broker",
      "What was looked at adds up.",
    ]) {
      assert.ok(lines.includes(line), `no "${line}" in\n${stdout}`);
    }
    assert.equal(status, 0);
  });

  it("names what does not add up, and fails", async () => {
    const { copy } = await shop.auditAfter({
      "product-svc": "UPDATE products SET available = available + 1 WHERE id = ':cup'",
    });
    const { status, stdout } = run(copy);
    assert.match(stdout, /pieces: .* 92 ≠ 91 put in/);
    assert.ok(
      stdout.includes(`product-svc: products/${shop.names.cup}: 87 available, 0 held and 4 sold, but 90 were put in`),
    );
    assert.equal(status, 1);
  });

  it("waits as long as it is told, and says which setting is wrong", async () => {
    const update = `UPDATE orders SET stock_state = 'RESERVED', update_time = ${Date.now() - 60_000} WHERE id = ':paid'`;
    const { copy } = await shop.auditAfter({ "order-svc": update });
    const { report } = await shop.auditAfter({ "order-svc": update }, { now: Date.now, waitMaxMs: 3_600_000 });
    assert.equal(report.findings.length, 0);
    assert.match(run(copy).stdout, /Still on its way, or waiting for a part that is down: 1\n/);
    assert.match(run(copy, { WAIT_S: "soon" }).stderr, /WAIT_S must be a number of seconds, not "soon"/);
  });

  it("names a file that is damaged, and one that is gone, and fails", async () => {
    const { copy } = await shop.auditAfter({});
    truncateSync(databaseFile(copy, "product-svc"), 2 * pageBytes);
    rmSync(databaseFile(copy, "user-svc"));
    const { status, stdout } = run(copy);
    assert.match(stdout, /I9: every file is whole\n {4}product-svc: product-svc: database disk image is malformed\n/);
    assert.match(stdout, /^ {4}user-svc: user-svc: there is no .*user-svc\.sqlite, or nothing in it$/m);
    assert.equal(status, 1);
  });

  it("says that there is nothing to audit, and fails", async () => {
    const { copy } = await shop.auditAfter({});
    for (const source of [...serviceNames, "test-provider"] as const) rmSync(databaseFile(copy, source));
    for (const dataDir of [join(shop.dataDir, "none"), copy]) {
      const { status, stdout } = run(dataDir);
      assert.match(stdout, /There is nothing here to audit: make up\n$/);
      assert.equal(status, 1);
    }
  });

  describe("in two steps, for a system whose files only programs beside them can read", () => {
    const judgeReading = (lines: readonly string[]) =>
      spawnSync(process.execPath, [join(import.meta.dirname, "judge-reading.ts")], {
        encoding: "utf8",
        input: lines.join("\n"),
      });
    /** What the shop.looks of the plan see in the shop, as lines. */
    const looked = async (instead: (source: AuditSource) => string | undefined) => {
      const port = portOf(shop.dataDir);
      const answers = planOf("rest").map(
        async ({ source, queries }) => instead(source) ?? `rows ${JSON.stringify(await port.read(source, queries))}`,
      );
      return await Promise.all(answers);
    };

    it("says the same", async () => {
      const { status, stdout } = judgeReading(["queues", ...(await looked(() => undefined))]);
      assert.match(stdout, /Everything adds up\.\n$/);
      assert.equal(status, 0);
    });

    it("names dead letters that are there at the beginning and at the end, and fails", async () => {
      const rows = await looked(() => undefined);
      const dead = ["queues", "queue order-svc.events 1", "queue order-svc.events.dead 1"];
      const { status, stdout } = judgeReading([...dead, ...rows, ...dead]);
      assert.match(stdout, /\n {4}order-svc: queue order-svc\.events\.dead: 1 messages are in it\n\n1 findings/);
      assert.equal(status, 1);
      assert.equal(judgeReading([...dead, ...rows]).status, 0);
    });

    it("names a file that is damaged, and fails", async () => {
      const damaged = (source: AuditSource) => (source === "test-provider" ? "damaged it is torn" : undefined);
      const { status, stdout } = judgeReading(["queues", ...(await looked(damaged))]);
      assert.match(stdout, /I9: every file is whole\n {4}test-provider: test-provider: it is torn\n\n1 findings/);
      assert.equal(status, 1);
    });
  });
});
