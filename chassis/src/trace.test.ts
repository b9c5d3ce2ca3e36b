import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { childOf, formatTraceparent, newTrace, parseTraceparent, withSpan } from "./trace.ts";
import { currentContext, runInContext } from "./work-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

describe("traceparent", () => {
  it("is read back as it was written", () => {
    for (const trace of [newTrace(), { traceId, spanId, sampled: false }]) {
      assert.deepEqual(parseTraceparent(formatTraceparent(trace)), trace);
    }
  });

  it("says by its lowest flag alone whether the trace is sampled", () => {
    const sampled = (flags: string) => parseTraceparent(`00-${traceId}-${spanId}-${flags}`)?.sampled;
    assert.deepEqual(["00", "01", "02", "03", "fe", "ff"].map(sampled), [false, true, false, true, false, true]);
  });

  it("is read in a later version, whatever follows", () => {
    for (const value of [`01-${traceId}-${spanId}-01`, `cc-${traceId}-${spanId}-01-what-ever`]) {
      assert.deepEqual(parseTraceparent(value), { traceId, spanId, sampled: true });
    }
  });

  const malformed = {
    missing: undefined,
    empty: "",
    "too short": `00-${traceId}-${spanId}`,
    "too long": `00-${traceId}-${spanId}-01-more`,
    "of the forbidden version": `ff-${traceId}-${spanId}-01`,
    "in upper case": `00-${traceId.toUpperCase()}-${spanId}-01`,
    "no hexadecimal": `00-${traceId.replace("4", "g")}-${spanId}-01`,
    "without a trace": `00-${"0".repeat(32)}-${spanId}-01`,
    "without a parent": `00-${traceId}-${"0".repeat(16)}-01`,
    "with bad flags": `00-${traceId}-${spanId}-1`,
    "surrounded by spaces": ` 00-${traceId}-${spanId}-01 `,
    "sent twice": `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
    "of a later version that goes on without a dash": `01-${traceId}-${spanId}-01x`,
  };
  for (const [how, value] of Object.entries(malformed)) {
    it(`is refused when it is ${how}`, () => assert.equal(parseTraceparent(value), undefined));
  }
});

describe("tracestate", () => {
  const kept = (value: string) => parseTraceparent(`00-${traceId}-${spanId}-01`, value)?.tracestate;

  it("is kept when it is well-formed", () => {
    assert.equal(kept("a=1, tenant@vendor=x:y ,, b-_*/=~"), "a=1,tenant@vendor=x:y,b-_*/=~");
  });

  it("alone is dropped when it is malformed", () => {
    const members = Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(",");
    for (const value of ["", ",", "a", "A=1", "a=1,a=2", "a=x=y", `a=${"x".repeat(257)}`, "a=ü", members]) {
      assert.equal(kept(value), undefined, value);
    }
  });
});

describe("trace ids", () => {
  it("differ from each other and keep the trace, its sampling and its state below a span", () => {
    const parent = { traceId, spanId, sampled: false, tracestate: "a=1" };
    const spans = Array.from({ length: 2_000 }, () => childOf(parent));
    assert.equal(new Set(spans.map((span) => span.spanId)).size, spans.length);
    for (const span of spans) assert.deepEqual({ ...span, spanId }, parent);
    assert.equal(new Set(Array.from({ length: 2_000 }, () => newTrace().traceId)).size, 2_000);
  });
});

describe("span without a recorder", () => {
  it("is a child of the given parent, else of the current trace, else a new trace", () => {
    const current = newTrace();
    const parent = newTrace();
    const traceIn = (given?: typeof parent) => withSpan({ name: "x", parent: given }, ({ trace }) => trace.traceId);
    assert.equal(
      runInContext({ trace: current }, () => traceIn(parent)),
      parent.traceId,
    );
    assert.equal(
      runInContext({ trace: current }, () => traceIn()),
      current.traceId,
    );
    assert.notEqual(traceIn(), traceIn());
  });

  it("is the current trace of its work across awaits, and leaves deadline and signal as they are", async () => {
    const { signal } = new AbortController();
    const before = { trace: newTrace(), deadlineTime: 5, signal };
    await runInContext(before, async () => {
      await withSpan({ name: "x" }, async ({ trace }) => {
        await Promise.resolve();
        assert.deepEqual(currentContext(), { ...before, trace });
      });
      assert.equal(currentContext(), before);
    });
    assert.equal(currentContext(), undefined);
  });

  it("lets results and errors through", async () => {
    const error = new Error("no");
    assert.equal(
      withSpan({ name: "x" }, () => 1),
      1,
    );
    assert.equal(await withSpan({ name: "x" }, async () => 1), 1);
    assert.throws(
      () =>
        withSpan({ name: "x" }, () => {
          throw error;
        }),
      error,
    );
  });
});
