import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { whyNoCompose } from "./why-no-compose.ts";

describe("why compose.yaml is not tried", () => {
  it("names the images that can neither be found nor fetched", () => {
    const reason = whyNoCompose((...args) => args.at(-1) !== "node:24-slim" && args[0] !== "manifest");
    assert.match(reason ?? "", /^node:24-slim can neither be found nor fetched here/);
  });

  it("takes an image that can be fetched", () => {
    assert.equal(
      whyNoCompose((...args) => args[0] !== "image"),
      undefined,
    );
  });

  it("asks for each published image, and for no stage of a build", () => {
    const asked: string[] = [];
    whyNoCompose((...args) => args[1] !== "inspect" || asked.push(args[2] ?? "") > 0);
    assert.deepEqual(asked.map((image) => image.split(":")[0]).sort(), ["envoyproxy/envoy", "node", "rabbitmq"]);
  });

  it("says so where no engine or no compose answers", () => {
    assert.match(whyNoCompose((...args) => args[0] !== "info") ?? "", /^no Docker engine with compose answers here/);
    assert.match(whyNoCompose((...args) => args[0] !== "compose") ?? "", /^no Docker engine with compose answers here/);
  });
});
