import assert from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import { after, before, describe, it } from "mocha";
import { readStackConfig } from "../stack/stack-config.ts";
import { audit } from "./audit.ts";
import { databaseFile } from "./database-file.ts";
import { describeFinding } from "./finding.ts";
import { nativePort } from "./native-port.ts";
import { leaveSoundShop, type SoundShop } from "./testing/sound-shop.ts";

/** SQLite's. */
const pageBytes = 4_096;
const rootDir = join(import.meta.dirname, "..", "..");

describe("the audit of a file that is not whole", function () {
  this.timeout(60_000);
  let shop: SoundShop;

  before(async () => {
    shop = await leaveSoundShop();
  });
  after(() => shop?.remove());

  /** What can become of a file, and what the audit says of it. */
  const damages: Readonly<Record<string, readonly [damage: (file: string) => void, says: RegExp]>> = {
    "with a page that was written over": [
      (file) => {
        const { roots = [] } = readSnapshot(file, {
          roots: "SELECT rootpage AS page FROM sqlite_schema WHERE name IN ('orders', 'operations')",
        });
        const [{ page }] = roots as [{ page: number }];
        const bytes = readFileSync(file);
        writeFileSync(file, bytes.fill(255, (page - 1) * pageBytes, page * pageBytes));
      },
      /^database disk image is malformed$/,
    ],
    "cut short": [(file) => truncateSync(file, 2 * pageBytes), /^database disk image is malformed$/],
    "with a broken header": [
      (file) => writeFileSync(file, readFileSync(file).fill(255, 0, 100)),
      /^file is not a database$/,
    ],
    "cut to nothing": [(file) => truncateSync(file), /^there is no .*\.sqlite, or nothing in it$/],
    "that was deleted": [(file) => rmSync(file), /^there is no .*\.sqlite, or nothing in it$/],
  };

  for (const [which, [damage, says]] of Object.entries(damages)) {
    for (const source of ["order-svc", "test-provider"] as const) {
      it(`finds an offence against I9: a file of ${source} ${which}`, async () => {
        const { copy } = await shop.auditAfter({});
        damage(databaseFile(copy, source));
        const port = nativePort(readStackConfig({ QUARTET_DATA_DIR: copy }, rootDir));
        const { findings, unseen } = await audit(port, { now: shop.later });
        const damaged = findings.filter(({ invariant }) => invariant === "I9");
        assert.deepEqual(
          damaged.map(({ about, services }) => [about, ...services]),
          [[source, source]],
        );
        assert.match(damaged[0]?.what ?? "", says);
        assert.deepEqual(unseen, ["the queues of the broker"]);
      });
    }
  }

  it("takes a service that never ran here for one that could not be looked at", async () => {
    const { copy } = await shop.auditAfter({});
    rmSync(join(copy, "user-svc"), { recursive: true });
    const port = nativePort(readStackConfig({ QUARTET_DATA_DIR: copy }, rootDir));
    const { findings, unseen } = await audit(port, { now: shop.later });
    assert.deepEqual(findings.map(describeFinding), []);
    assert.match(unseen[0] ?? "", /^user-svc: there is no /);
  });
});
