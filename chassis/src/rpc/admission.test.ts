import assert from "node:assert/strict";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, it } from "mocha";
import { createMetrics } from "../metrics.ts";
import { eventually } from "../testing/eventually.ts";
import { thingService } from "../testing/thing-service.ts";
import { type Admission, createAdmission } from "./admission.ts";

const callsMax = 100;
const method = (name: string) => thingService.method[name] ?? assert.fail(name);
const [read, write, administer] = [method("read"), method("write"), method("administer")];

describe("the admission of calls", () => {
  let admission: Admission;
  let said: object[];
  beforeEach(() => {
    const lines: object[] = [];
    said = lines;
    const log = { warn: (line: object) => void lines.push(line) };
    admission = createAdmission({ callsMax, log, metrics: createMetrics({ service: "test" }), domain: "test" });
  });

  const enter = (of: typeof read, count: number) =>
    Array.from({ length: count }, () => admission.enter(of)).filter((entered) => entered !== undefined);

  it("counts reads, writes and what needs a credential apart", () => {
    assert.equal(enter(write, callsMax + 1).length, callsMax);
    assert.equal(enter(administer, callsMax + 1).length, callsMax);
    const reads = enter(read, callsMax + 1);
    assert.equal(reads.length, callsMax);
    assert.equal(admission.enter(read), undefined);
    reads[0]?.leave();
    assert.ok(admission.enter(read));
    assert.equal(admission.enter(write), undefined);
  });

  it("knows beforehand what it would refuse, and counts it then", async () => {
    assert.equal(admission.refuses(read), false);
    const reads = enter(read, callsMax);
    assert.equal(admission.refuses(read), true);
    assert.equal(admission.refuses(write), false);
    reads[0]?.leave();
    assert.equal(admission.refuses(read), false);
    await eventually("it is told", () => said.length > 0);
    assert.deepEqual(said, [{ refused: 1, calls_max: callsMax }]);
  });

  it("lets in no more in a turn of the event loop that takes long, but for a few", async () => {
    assert.ok(admission.enter(read));
    const endTime = performance.now() + 110;
    while (performance.now() < endTime);
    const entered = enter(read, callsMax - 1);
    assert.equal(entered.length, 63);
    assert.equal(enter(write, 1).length, 0);
    assert.equal(admission.refuses(write), true);
    assert.equal(enter(administer, 1).length, 1);
    // They have waited for that turn already.
    assert.equal(await Promise.race([admission.keepBack(), nextTurn("the next turn")]), undefined);
    await nextTurn();
    assert.equal(enter(write, 1).length, 1);
    assert.equal(await Promise.race([admission.keepBack(), nextTurn("the next turn")]), "the next turn");
  });

  it("answers refusals of a moment together, and none before its time", async () => {
    let turn = 0;
    const turning = setInterval(() => (turn += 1), 1);
    const kept = async () => {
      const startTime = performance.now();
      await admission.keepBack();
      return { turn, keptMs: performance.now() - startTime };
    };
    const refusals: ReturnType<typeof kept>[] = [];
    for (let moment = 0; moment < 10; moment++) {
      refusals.push(kept(), kept());
      await delay(5);
    }
    const answered = await Promise.all(refusals);
    clearInterval(turning);
    // A timer may fire a millisecond early.
    for (const { keptMs } of answered) assert.ok(keptMs >= 49, `kept back for ${keptMs} ms`);
    const turns = new Set(answered.map((one) => one.turn));
    assert.ok(turns.size < 10, `answered in ${turns.size} turns`);
  });

  it("tells the log of all refusals of a second at once", async () => {
    enter(write, callsMax + 7);
    assert.deepEqual(said, []);
    await eventually("it is told", () => said.length > 0);
    assert.deepEqual(said, [{ refused: 7, calls_max: callsMax }]);
    enter(write, 2);
    await eventually("it is told again", () => said.length > 1);
    assert.deepEqual(said[1], { refused: 2, calls_max: callsMax });
  });
});
