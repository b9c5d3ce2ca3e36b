import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, it } from "mocha";
import { commonSettings } from "./common-config.ts";
import { ConfigError, readConfig } from "./config.ts";
import { armFailPoint, failPoint, readFailPoint } from "./fail-point.ts";

const child = fileURLToPath(new URL("fail-point.test-child.ts", import.meta.url));

/** Runs the child; resolves with what it passed, what it said at its end, and how it ended. */
async function passed(spec: string) {
  const program = spawn(process.execPath, [child, spec], { stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(program, "close");
  const [steps, said] = await Promise.all([text(program.stdout), text(program.stderr)]);
  const [code, signal] = await closed;
  return { steps: steps.trim().replaceAll("\n", " "), said, code, signal, pid: program.pid };
}

describe("a fail point", () => {
  it("does nothing in a process that was not told to die", async () => {
    const { steps, said, code } = await passed("");
    assert.deepEqual([steps, said, code], ["1 2 3 4 5 6", "", 0]);
  });

  for (const [spec, steps] of [
    ["relay.before-publish", ""],
    ["relay.before-publish:Ended", "1"],
    ["relay.before-publish:Ended#2", "1 2 3"],
    ["relay.before-publish#3", "1 2 3"],
    ["transaction.after-commit:Ended", "1 2"],
    ["relay.after-publish:Ended", "1 2 3 4 5"],
    ["relay.after-publish:Answered", "1 2 3 4"],
  ] as const) {
    it(`kills the process at ${spec}, after "${steps}", which says so before`, async () => {
      const end = await passed(spec);
      assert.deepEqual([end.steps, end.code, end.signal], [steps, null, "SIGKILL"]);
      const { fail_point, pid } = JSON.parse(end.said);
      assert.deepEqual([fail_point, pid], [spec.replace(/[:#].*/, ""), end.pid]);
    });
  }

  for (const spec of ["relay.before-publish:Other", "relay.before-publish:Ended#3", "stop.before-drain"]) {
    it(`lets a process live that never comes to ${spec}`, async () => {
      const { steps, code } = await passed(spec);
      assert.deepEqual([steps, code], ["1 2 3 4 5 6", 0]);
    });
  }

  it("asks for nothing while none is armed", () => {
    armFailPoint(undefined);
    failPoint("relay.before-publish", () => assert.fail("asked"));
  });
});

describe("the setting FAIL_POINT", () => {
  it("names a fail point, what it is to be concerned with, and the passage", () => {
    const name = "relay.before-publish";
    assert.equal(readFailPoint(""), undefined);
    assert.deepEqual(readFailPoint(name), { name, what: undefined, passage: 1 });
    assert.deepEqual(readFailPoint(`${name}:a.b.C`), { name, what: "a.b.C", passage: 1 });
    assert.deepEqual(readFailPoint(`${name}:what is too old#12`), { name, what: "what is too old", passage: 12 });
    assert.deepEqual(readFailPoint(`${name}#2`), { name, what: undefined, passage: 2 });
  });

  const settings = commonSettings({ rpcPort: 1, httpPort: 2 });
  for (const spec of ["relay.before-publsh", "relay", "relay.before-publish#0", "relay.before-publish:", " "]) {
    it(`refuses "${spec}", so that no test dies nowhere and passes`, () => {
      assert.throws(() => readConfig(settings, { FAIL_POINT: spec }), ConfigError);
    });
  }

  it("is off by default", () => assert.equal(readConfig(settings, {}).failPoint, undefined));
});
