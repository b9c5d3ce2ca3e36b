import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { assertReadmeTrue } from "@quartet/chassis/testing/readme-check";
import { describe, it } from "mocha";
import { settings } from "./config.ts";

describe("the README of payment-svc", () => {
  it("says what the code and the contract say", () => {
    assertReadmeTrue({ readme: new URL("../README.md", import.meta.url), service: "payment-svc", settings });
  });

  it("names the tokens that the test provider knows", () => {
    const tokensIn = (file: string) => {
      const text = readFileSync(new URL(file, import.meta.url), "utf8");
      return [...text.matchAll(/\| `(tok_\S+…)` \|/g)].map(([, token]) => token);
    };
    const tokens = tokensIn("../README.md");
    assert.equal(tokens.length, 6);
    assert.deepEqual(tokens, tokensIn("clients/test-provider.ts"));
  });
});
