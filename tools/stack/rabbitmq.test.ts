import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { freeStackPorts } from "./ports.ts";
import { findRabbit, prepareRabbit } from "./rabbitmq.ts";
import { brokerAnswers, waitUntil } from "./ready.ts";
import { superviseProcess } from "./supervised-process.ts";

const startBoundMs = 60_000;

describe("private RabbitMQ", function () {
  this.timeout(90_000);

  it("is not another one than the one that is named", () => {
    assert.throws(() => findRabbit({ ...process.env, RABBITMQ_SERVER: "/nowhere" }), /RABBITMQ_SERVER names \/nowhere/);
  });

  it("runs on its own ports with a random password, and ends without a trace", async function () {
    const tools = findRabbit(process.env);
    if (tools === undefined) return this.skip();
    const dataDir = mkdtempSync(join(tmpdir(), "quartet-rabbit-"));
    const ports = await freeStackPorts();
    const options = { tools, dataDir, logsDir: dataDir, ports, env: process.env };
    const { specs, url } = prepareRabbit(options);
    assert.equal(prepareRabbit(options).url, url, "the password stays the same");
    assert.equal(statSync(join(dataDir, "rabbitmq", "rabbitmq.conf")).mode & 0o777, 0o600);
    assert.match(url, /^amqp:\/\/quartet:[0-9a-f]{48}@127\.0\.0\.1:\d+$/);

    const processes = specs.map((spec) => superviseProcess({ spec }));
    try {
      for (const process of processes) process.start();
      const isUp = await waitUntil(() => brokerAnswers(url), startBoundMs);
      assert.ok(isUp, readFileSync(join(dataDir, "rabbitmq.log"), "utf8"));
    } finally {
      for (const process of [...processes].reverse()) await process.stop();
    }
    assert.ok(processes.every((process) => process.status().state === "stopped"));
    assert.equal(await brokerAnswers(url), false);
    rmSync(dataDir, { recursive: true });
  });
});
