import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { startLane } from "./test-lane.ts";

const run = (script: string, exitTimeMaxMs?: number) =>
  startLane({ command: process.execPath, args: ["--eval", script], cwd: import.meta.dirname, exitTimeMaxMs });
const shownBy = async (lane: ReturnType<typeof run>) => {
  let text = "";
  const counts = await lane.show({ write: (more: string) => (text += more) });
  return { text, counts };
};

describe("a lane of tests", () => {
  it("says all that it said before it was looked at, and its counts", async () => {
    const lane = run("console.log('first'); setTimeout(() => console.log('\\n  3 passing (1s)\\n  1 pending'), 50)");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { text, counts } = await shownBy(lane);
    assert.match(text, /^first\n\n {2}3 passing/);
    assert.deepEqual(counts, { passed: 3, failed: 0, skipped: 1 });
  });

  it("fails when it ends badly", async () => {
    assert.equal((await shownBy(run("console.log('  3 passing (1s)'); process.exitCode = 7"))).counts.failed, 1);
  });

  it("tells what failed again, once it has ended", async () => {
    const lane = run("console.log('  3 passing (1s)\\n  1 failing\\n\\n  1) ship sinks'); process.exitCode = 1");
    await shownBy(lane);
    assert.equal(lane.failures(), "  3 passing (1s)\n  1 failing\n\n  1) ship sinks");
  });

  it("is ended and fails when it goes on after its last test", async () => {
    const { text, counts } = await shownBy(run("console.log('  3 passing (1s)'); setInterval(() => {}, 1000)", 50));
    assert.match(text, /A test left something running/);
    assert.deepEqual([counts.passed, counts.failed], [3, 1]);
  });

  it("has not gone on when it ended long before it was looked at", async () => {
    const lane = run("console.log('  3 passing (1s)')", 100);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const { text, counts } = await shownBy(lane);
    assert.doesNotMatch(text, /left something running/);
    assert.equal(counts.failed, 0);
  });

  it("ends with the signal that it is sent", async () => {
    const lane = run("setInterval(() => {}, 1000)");
    lane.end("SIGTERM");
    assert.equal((await shownBy(lane)).counts.failed, 1);
  });
});
