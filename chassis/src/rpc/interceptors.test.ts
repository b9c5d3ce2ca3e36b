import assert from "node:assert/strict";
import { once } from "node:events";
import { createClient } from "@connectrpc/connect";
import { describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import { createLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { inMemoryTransport } from "../testing/test-server.ts";
import { implementThings, type ThingClient, thingService } from "../testing/thing-service.ts";
import { currentContext } from "../work-context.ts";
import { createInterceptors } from "./interceptors.ts";

const secret = "hunter2";

function startService(answers: Parameters<typeof implementThings>[0]) {
  const lines: Record<string, unknown>[] = [];
  const metrics = createMetrics({ service: "test" });
  const interceptors = createInterceptors({
    log: createLogger({ service: "test", destination: { write: (line) => lines.push(JSON.parse(line)) } }),
    metrics,
    verifier: { verify: async () => ({ kind: "user", userId: "u1", role: "customer", sessionId: "s" }) },
    domain: "test",
    now: Date.now,
  });
  const transport = inMemoryTransport({ registrations: [implementThings(answers)], interceptors });
  return { lines, metrics, client: createClient(thingService, transport) as unknown as ThingClient };
}

describe("the interceptors", () => {
  it("log one line for a call: method, code, duration, caller and trace, and nothing of its messages", async () => {
    const { client, lines } = startService({ write: () => ({ name: secret }) });
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    await client.write({ name: secret }, { headers: { authorization: "Bearer x", traceparent } });
    assert.equal(lines.length, 1);
    const [line] = lines;
    assert.deepEqual(
      [line?.level, line?.method, line?.code, line?.caller, line?.trace_id],
      ["info", "test.v1.ThingService/Write", "ok", "users/u1", "a".repeat(32)],
    );
    assert.equal(typeof line?.duration_ms, "number");
    assert.ok(!JSON.stringify(lines).includes(secret));
  });

  it("log a stream once, when it has ended", async () => {
    let linesInside = -1;
    const { client, lines } = startService({
      watch: async function* () {
        yield { name: "a" };
        linesInside = lines.length;
        yield { name: "b" };
      },
    });
    for await (const _ of client.watch({ name: "a" }));
    assert.equal(linesInside, 0);
    assert.deepEqual(
      lines.map(({ code }) => code),
      ["ok"],
    );
  });

  it("log the stack of an unforeseen error with its trace, and the call as failed", async () => {
    const { client, lines } = startService({
      read: () => {
        throw new TypeError("broken inside");
      },
    });
    await assert.rejects(client.read({ name: "a" }), /internal error/);
    const [defect, call] = lines;
    assert.match(JSON.stringify(defect?.err), /broken inside.*interceptors\.test\.ts/s);
    assert.equal(defect?.trace_id, call?.trace_id);
    assert.deepEqual([call?.level, call?.code, call?.reason], ["error", "internal", "INTERNAL"]);
  });

  it("log what lies behind a refusal, for operators only", async () => {
    const { client, lines } = startService({
      read: () => {
        throw new DomainError("unavailable", "DATABASE_BUSY", "try again", { cause: new Error("database is locked") });
      },
    });
    await assert.rejects(client.read({ name: "a" }), (error: Error) => !error.message.includes("locked"));
    assert.deepEqual(
      lines.map(({ level, reason, cause }) => [level, reason, cause]),
      [["warn", "DATABASE_BUSY", "database is locked"]],
    );
  });

  it("count durations by method and code", async () => {
    const { client, metrics } = startService({ read: () => ({ name: "a" }) });
    await client.read({ name: "a" });
    await client.read({ name: "" }).catch(() => {});
    const { body } = await metrics.expose();
    const count = (code: string): RegExp =>
      new RegExp(`rpc_server_duration_seconds_count\\{.*method="test.v1.ThingService/Read",code="${code}".*\\} 1`);
    assert.match(body, count("ok"));
    assert.match(body, count("invalid_argument"));
  });

  it("leave no timer behind when the reader of a stream leaves", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
    const { client } = startService({
      watch: async function* (_request, context) {
        yield { name: "a" };
        await once(context.signal, "abort");
      },
    });
    // The runner sets its own only when the test has returned its promise.
    await new Promise(setImmediate);
    const before = timers();
    const gone = new AbortController();
    const stream = client.watch({ name: "a" }, { signal: gone.signal })[Symbol.asyncIterator]();
    await stream.next();
    assert.ok(timers() > before, "a stream has a deadline");
    gone.abort();
    await stream.next().catch(() => {});
    // Polled without a timer, which would be one more.
    for (let turn = 0; turn < 1000 && timers() > before; turn++) await new Promise(setImmediate);
    assert.ok(timers() <= before, "its deadline is left");
  });

  it("give a stream its context and its clean-up, when the reader leaves", async () => {
    const ended = Promise.withResolvers<string | undefined>();
    const { client } = startService({
      watch: async function* () {
        try {
          yield { name: "a" };
          yield { name: "b" };
        } finally {
          ended.resolve(currentContext()?.trace.traceId);
        }
      },
    });
    const traceparent = `00-${"c".repeat(32)}-${"d".repeat(16)}-01`;
    const gone = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of client.watch({ name: "a" }, { headers: { traceparent }, signal: gone.signal }))
        gone.abort();
    };
    await assert.rejects(read());
    assert.equal(await ended.promise, "c".repeat(32));
  });
});
