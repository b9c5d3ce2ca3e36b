import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { envoyVersion, findEnvoy } from "./envoy.ts";

describe("envoy", () => {
  it("reads the version that Envoy prints", () => {
    const printed = "\nenvoy  version: 0f1d0a8b/1.40.0/Clean/RELEASE/BoringSSL\n";
    assert.deepEqual(envoyVersion(printed), { major: 1, minor: 40 });
    assert.equal(envoyVersion("something else"), undefined);
    assert.equal(envoyVersion(undefined), undefined);
  });

  it("refuses an ENVOY_BIN that is no Envoy", () => {
    assert.throws(() => findEnvoy({ ENVOY_BIN: process.execPath }, "/nowhere"), /ENVOY_BIN=.* is not an Envoy/);
  });
});
