import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { ConfigError, integer, oneOf, port, readConfig, renewable, text, url } from "./config.ts";

const settings = {
  name: text("NAME", "What to call it"),
  rpcPort: port("RPC_PORT", "Where to listen", 50051),
  color: oneOf("COLOR", "How it looks", ["red", "blue"], { fallback: "red" }),
  retriesMax: integer("RETRIES_MAX", "How often", { min: 0, max: 9, fallback: "3" }),
  brokerUrl: url("BROKER_URL", "Where it is", { protocols: ["amqp:"], secret: true, fallback: "amqp://localhost" }),
};

describe("readConfig", () => {
  it("reads values, takes fallbacks and freezes the result", () => {
    const config = readConfig(settings, { NAME: "a", RPC_PORT: "1", COLOR: "" });
    assert.deepEqual(config, { name: "a", rpcPort: 1, color: "red", retriesMax: 3, brokerUrl: "amqp://localhost" });
    assert.ok(Object.isFrozen(config));
  });

  it("lists every problem at once", () => {
    const environment = { RPC_PORT: "70000", COLOR: "green", RETRIES_MAX: "1e1", BROKER_URL: "amqp-no-url:pw" };
    assert.throws(
      () => readConfig(settings, environment),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(
          error.problems.map((problem) => problem.split(" ")[0]),
          ["NAME", "RPC_PORT", "COLOR", "RETRIES_MAX", "BROKER_URL"],
        );
        assert.doesNotMatch(error.message, /pw/);
        return true;
      },
    );
  });

  it("reads a secret from the file that the variable with _FILE names", () => {
    const folder = mkdtempSync(join(tmpdir(), "config-"));
    try {
      writeFileSync(join(folder, "broker"), "amqp://from-file\n");
      const config = readConfig(settings, { NAME: "a", BROKER_URL_FILE: join(folder, "broker") });
      assert.equal(config.brokerUrl, "amqp://from-file");
      assert.throws(
        () => readConfig(settings, { NAME: "a", BROKER_URL_FILE: join(folder, "none") }),
        /BROKER_URL cannot/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("reads a renewable secret anew whenever it is asked for", () => {
    const folder = mkdtempSync(join(tmpdir(), "config-"));
    const file = join(folder, "broker");
    const write = (content: string) => writeFileSync(file, content);
    try {
      write("amqp://first\n");
      const renewed = { brokerUrl: renewable(settings.brokerUrl) };
      const { brokerUrl } = readConfig(renewed, { BROKER_URL_FILE: file });
      assert.equal(brokerUrl(), "amqp://first");
      write("amqp://second\n");
      assert.equal(brokerUrl(), "amqp://second");
      write("no-url:pw");
      assert.throws(brokerUrl, { message: "BROKER_URL must be a URL that begins with amqp://" });
      assert.throws(() => readConfig(renewed, { BROKER_URL_FILE: file }), ConfigError);
      rmSync(file);
      assert.throws(brokerUrl, { message: "BROKER_URL cannot be read from the file that BROKER_URL_FILE names" });
      assert.equal(readConfig(renewed, {}).brokerUrl(), "amqp://localhost");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
