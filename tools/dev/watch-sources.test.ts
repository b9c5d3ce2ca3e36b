import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { waitUntil } from "../stack/ready.ts";
import { readSourceFiles } from "./source-files.ts";
import { watchSources } from "./watch-sources.ts";

const boundMs = 10_000;
/** Longer than the watch waits for more, so that a change of its own would have been told. */
const quietMs = 600;
const quiet = () => new Promise((resolve) => setTimeout(resolve, quietMs));

describe("watchSources", function () {
  this.timeout(30_000);
  let root: string;
  let changes: string[][];
  let end: () => void;
  let handle: (paths: string[]) => Promise<void>;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const told = async (count: number) => await waitUntil(() => changes.length >= count, boundMs, 20);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "quartet-watch-"));
    mkdirSync(join(root, ".git"));
    write("order-svc/src/main.ts", "1");
    write("order-svc/src/app/place.ts", "1");
    changes = [];
    handle = async () => {};
    end = watchSources(root, readSourceFiles(root), async (paths) => {
      changes.push(paths);
      await handle(paths);
    });
  });
  afterEach(() => {
    end();
    rmSync(root, { recursive: true });
  });

  it("tells an edit, also one that an editor makes by renaming, and in a folder that is new", async () => {
    write("order-svc/src/app/place.ts", "2");
    assert.ok(await told(1));
    write("order-svc/src/main.ts.tmp", "2");
    renameSync(join(root, "order-svc/src/main.ts.tmp"), join(root, "order-svc/src/main.ts"));
    assert.ok(await told(2));
    write("order-svc/src/rpc/new.ts", "1");
    assert.ok(await told(3));
    write("order-svc/src/rpc/new.ts", "2");
    assert.ok(await told(4));
    rmSync(join(root, "order-svc/src/rpc/new.ts"));
    assert.ok(await told(5));
    assert.deepEqual(changes, [
      ["order-svc/src/app/place.ts"],
      ["order-svc/src/main.ts"],
      ["order-svc/src/rpc/new.ts"],
      ["order-svc/src/rpc/new.ts"],
      ["order-svc/src/rpc/new.ts"],
    ]);
  });

  it("does not tell what stays the same, tests, packages, data and editors' own files", async () => {
    utimesSync(join(root, "order-svc/src/main.ts"), new Date(), new Date());
    write("order-svc/src/main.test.ts", "1");
    write("order-svc/src/.main.ts.swp", "1");
    write("node_modules/a/index.ts", "1");
    write(".data/order-svc/x.ts", "1");
    await quiet();
    assert.deepEqual(changes, []);
  });

  it("tells a checkout once, when Git is done with it, and nothing when it went there and back", async () => {
    write(".git/index.lock", "");
    write("order-svc/src/main.ts", "half");
    await quiet();
    write("order-svc/src/app/place.ts", "half");
    await quiet();
    assert.deepEqual(changes, []);
    rmSync(join(root, ".git/index.lock"));
    assert.ok(await told(1));
    assert.deepEqual(changes, [["order-svc/src/app/place.ts", "order-svc/src/main.ts"]]);

    write(".git/index.lock", "");
    write("order-svc/src/main.ts", "there");
    await quiet();
    write("order-svc/src/main.ts", "half");
    rmSync(join(root, ".git/index.lock"));
    await quiet();
    assert.equal(changes.length, 1);
  });

  it("tells what changes meanwhile only when the change before is done", async () => {
    let isBusy = false;
    let overlaps = 0;
    handle = async () => {
      if (isBusy) overlaps++;
      isBusy = true;
      await quiet();
      isBusy = false;
    };
    write("order-svc/src/main.ts", "2");
    assert.ok(await told(1));
    write("order-svc/src/app/place.ts", "2");
    assert.ok(await told(2));
    assert.equal(overlaps, 0);
    assert.deepEqual(changes[1], ["order-svc/src/app/place.ts"]);
  });
});
