import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "mocha";
import { createLogStream, logForm } from "./log-stream.ts";

const traceId = "4f2a91bc0da8c6fb233937897e19413e";
const call = {
  level: "info",
  time: "2026-11-25T19:19:23.609Z",
  service: "order-svc",
  trace_id: traceId,
  span_id: "bfbc2237d5c27fce",
  method: "shop.order.v1.OrderService/CreateOrder",
  code: "ok",
  duration_ms: 73.43,
  caller: "users/ada",
  msg: "call",
};
const access = {
  time: "2026-11-25T19:19:23.530Z",
  service: "gateway",
  method: "POST",
  path: "/v1/orders",
  route: "shop.order.v1.OrderService/CreateOrder",
  status: 503,
  flags: "UF",
  cause: "upstream_reset",
  duration_ms: 81,
  attempts: 4,
  user: null,
  traceparent: `00-${traceId}-bfbc2237d5c27fce-01`,
};

/** What lines, each with its part, look like. */
function shown(
  lines: readonly (readonly [part: string, line: string])[],
  form = { json: false, colors: false },
): string[] {
  let text = "";
  const stream = createLogStream(form, (more) => {
    text += more;
  });
  for (const [part, line] of lines) stream.add(part, line);
  stream.flush();
  return text.split("\n").slice(0, -1);
}

describe("log stream", () => {
  const forms: [what: string, part: string, line: string, wanted: string][] = [
    [
      "a call",
      "order-svc",
      JSON.stringify(call),
      "19:19:23.609 order-svc   INFO  4f2a91bc call OrderService/CreateOrder ok 73.43 ms caller=users/ada",
    ],
    [
      "a message",
      "product-svc",
      JSON.stringify({
        ...call,
        method: undefined,
        code: undefined,
        type: "shop.order.v1.OrderPlaced",
        result: "done",
        msg: "message",
      }),
      "19:19:23.609 product-svc INFO  4f2a91bc message OrderPlaced done 73.43 ms caller=users/ada",
    ],
    [
      "a line without a trace",
      "user-svc",
      '{"level":"warn","time":"2026-11-25T19:19:07.503Z","service":"user-svc","cause":"connect ECONNREFUSED","msg":"broker not connected"}',
      '19:19:07.503 user-svc    WARN           broker not connected cause="connect ECONNREFUSED"',
    ],
    [
      "the gateway's access log",
      "envoy",
      JSON.stringify(access),
      "19:19:23.530 envoy       ERROR 4f2a91bc POST /v1/orders 503 81 ms route=OrderService/CreateOrder cause=upstream_reset flags=UF attempts=4",
    ],
    [
      "the gateway's own log",
      "envoy",
      "[2026-11-25 19:33:51.910][12][warning][main] [source/server/server.cc:976] caught ENVOY_SIGTERM",
      "19:33:51.910 envoy       WARN           caught ENVOY_SIGTERM",
    ],
    [
      "the broker's log, which has a zone",
      "rabbitmq",
      "2026-11-25 20:19:08.337242+01:00 [error] <0.223.0> ra: no quorum",
      "19:19:08.337 rabbitmq    ERROR          ra: no quorum",
    ],
  ];
  for (const [what, part, line, wanted] of forms) {
    it(`shows ${what}`, () => assert.deepEqual(shown([[part, line]]), [wanted]));
  }

  it("puts the parts in order of time, and a line without one after the line before it", () => {
    const later = JSON.stringify({ ...call, time: "2026-11-25T19:19:24.000Z", msg: "later" });
    const lines = shown([
      ["order-svc", later],
      ["order-svc", "Error: by itself"],
      ["product-svc", JSON.stringify({ ...call, msg: "sooner" })],
    ]);
    assert.deepEqual(
      lines.map((line) => /sooner|later|by itself/.exec(line)?.[0]),
      ["sooner", "later", "by itself"],
    );
  });

  it("shows the stack of an error on lines of its own", () => {
    const err = { type: "Error", message: "no such table", stack: "Error: no such table\n    at run (db.ts:3:1)" };
    const lines = shown([["order-svc", JSON.stringify({ ...call, level: "error", msg: "failed", err })]]);
    assert.match(lines[0] ?? "", / ERROR 4f2a91bc failed .*error="no such table"$/);
    assert.match(lines[2] ?? "", /^ {13}order-svc {7}at run \(db\.ts:3:1\)$/);
  });

  it("is coloured at a terminal only, and not where NO_COLOR is set", () => {
    assert.deepEqual(logForm({}, false), { json: false, colors: false });
    assert.deepEqual(logForm({}, true), { json: false, colors: true });
    assert.equal(logForm({ NO_COLOR: "1" }, true).colors, false);
    assert.ok(shown([["order-svc", JSON.stringify(call)]], { json: false, colors: true })[0]?.includes("\u001b[34m"));
    assert.ok(!shown([["order-svc", JSON.stringify(call)]])[0]?.includes("\u001b"));
  });

  it("is one JSON object a line with LOG=json, whatever wrote it", () => {
    const form = logForm({ LOG: "json" }, false);
    const lines = shown(
      [
        ["order-svc", JSON.stringify(call)],
        ["order-svc", "Error: by itself"],
      ],
      form,
    );
    assert.deepEqual(JSON.parse(lines[0] ?? ""), call);
    const { service, msg, time } = JSON.parse(lines[1] ?? "") as Record<string, string>;
    assert.deepEqual([service, msg, time], ["order-svc", "Error: by itself", call.time]);
  });

  it("lets no control character of a caller reach the terminal", () => {
    const [line = ""] = shown([["order-svc", JSON.stringify({ ...call, caller: "\u001b[2Jada\u0007" })]]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/);
  });

  it("leaves out what looks every few seconds whether the broker answers", () => {
    const at = "2026-11-25 19:39:45.230000+00:00";
    const lines = shown([
      ["rabbitmq", `${at} [info] <0.1.0> accepting AMQP connection 127.0.0.1:51618 -> 127.0.0.1:5672`],
      ["rabbitmq", `${at} [warning] <0.1.0> closing AMQP connection <0.1.0> (127.0.0.1:51618 -> 127.0.0.1:5672):`],
      ["rabbitmq", `${at} [warning] <0.1.0> client unexpectedly closed TCP connection`],
      [
        "rabbitmq",
        `${at} [info] <0.2.0> closing AMQP connection <0.2.0> (order-svc consuming, vhost: '/', user: 'quartet')`,
      ],
    ]);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /order-svc consuming/);
  });

  it("leaves out the broker's answer to who asks for a mark that is not there, and no other error", () => {
    const channel =
      "2026-11-25 19:39:45.230000+00:00 [error] <0.3.0> Channel error on connection <0.1.0> (127.0.0.1:1 ->";
    const operation = "2026-11-25 19:39:45.230000+00:00 [error] <0.3.0> operation";
    const isMissing = "caused a channel exception not_found: no exchange";
    const lines = shown([
      ["rabbitmq", channel],
      ["rabbitmq", `${operation} queue.bind ${isMissing} 'order-svc.events.dead.settled' in vhost '/'`],
      ["rabbitmq", channel],
      ["rabbitmq", `${operation} exchange.bind ${isMissing} 'shop.events.known.user-svc' in vhost '/'`],
      ["rabbitmq", channel],
      ["rabbitmq", `${operation} basic.publish ${isMissing} 'shop.events' in vhost '/'`],
      ["rabbitmq", channel],
    ]);
    assert.deepEqual(
      lines.map((line) => / (Channel|operation \S+) /.exec(line)?.[1]),
      ["Channel", "operation basic.publish", "Channel"],
    );
  });

  it("reads what docker compose prints, with or without its control characters", () => {
    const input = `order-svc-1  | ${JSON.stringify(call)}\n\u001b[2Kenvoy-1      | ${JSON.stringify({ ...access, status: 200 })}\n`;
    const printed = spawnSync(process.execPath, [join(import.meta.dirname, "main.ts")], { input, encoding: "utf8" });
    const [first = "", second = ""] = printed.stdout.split("\n");
    assert.match(first, /^19:19:23\.530 envoy {7}INFO {2}4f2a91bc POST \/v1\/orders 200/);
    assert.match(second, /^19:19:23\.609 order-svc {3}INFO {2}4f2a91bc call/);
  });
});
