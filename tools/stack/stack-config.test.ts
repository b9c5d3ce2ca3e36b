import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { namedPorts, readStackConfig } from "./stack-config.ts";

describe("readStackConfig", () => {
  it("has the documented ports and keeps its data under .data without any setting", () => {
    const config = readStackConfig({}, "/shop");
    assert.equal(config.ports.gateway, 8080);
    assert.deepEqual(config.ports.services["payment-svc"], { rpc: 50054, http: 8084 });
    assert.equal(config.dataDir, "/shop/.data");
    assert.equal(config.amqpUrl, undefined);
  });

  it("takes ports, data directory, broker and origins from the environment", () => {
    const env = {
      GATEWAY_PORT: "18080",
      QUARTET_DATA_DIR: "other",
      AMQP_URL: "amqp://guest:guest@127.0.0.1:5672",
      CORS_ORIGIN: "https://a.example, https://b.example",
    };
    const config = readStackConfig(env, "/shop");
    assert.equal(config.ports.gateway, 18080);
    assert.equal(config.dataDir, "/shop/other");
    assert.equal(config.amqpUrl, env.AMQP_URL);
    assert.deepEqual(config.corsOrigins, ["https://a.example", "https://b.example"]);
  });

  it("names every wrong setting in one sentence", () => {
    const env = { GATEWAY_PORT: "80a", USER_RPC_PORT: "70000", AMQP_URL: "redis://x", ORDER_HTTP_PORT: "8081" };
    assert.throws(
      () => readStackConfig(env, "/shop"),
      (error: Error) =>
        ["GATEWAY_PORT", "USER_RPC_PORT", "AMQP_URL", "ORDER_HTTP_PORT and USER_HTTP_PORT are both 8081"].every(
          (part) => error.message.includes(part),
        ),
    );
  });

  it("lists no broker ports when the broker is another's", () => {
    const own = namedPorts(readStackConfig({}, "/shop")).map(({ variable }) => variable);
    const others = namedPorts(readStackConfig({ AMQP_URL: "amqp://host" }, "/shop")).map(({ variable }) => variable);
    assert.deepEqual(
      own.filter((variable) => !others.includes(variable)),
      ["AMQP_PORT", "AMQP_DISTRIBUTION_PORT", "EPMD_PORT"],
    );
  });
});
