import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";

describe("the log on standard output", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-log-"));
    file = join(folder, "log");
    writeFileSync(file, "");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a script that has a logger `log`, and resolves with how it ended. */
  const run = async (script: string, flags: string) => {
    const url = new URL("./log.ts", import.meta.url).href;
    const program = `import { createLogger } from "${url}"; const log = createLogger({ service: "a-svc" }); ${script}`;
    const output = openSync(file, flags);
    const args = ["--conditions=source", "--input-type=module", "--eval", program];
    const child = spawn(process.execPath, args, { stdio: ["ignore", output, "inherit"], timeout: 10_000 });
    closeSync(output);
    return await once(child, "exit");
  };

  it("has every line that a process wrote before it was killed", async () => {
    assert.deepEqual(await run('log.info("last words"); process.kill(process.pid, "SIGKILL")', "a"), [null, "SIGKILL"]);
    assert.match(readFileSync(file, "utf8"), /^\{.*"service":"a-svc".*"last words"\}\n$/);
  });

  it("keeps nobody from working, or from ending, when it cannot be written", async () => {
    // As good as a full disk, of which there is none in a test.
    const [code] = await run('log.info("one"); setTimeout(() => { log.fatal("two"); process.exit(3); }, 50)', "r");
    assert.equal(code, 3);
  });
});
