import { assertReadmeTrue } from "@quartet/chassis/testing/readme-check";
import { describe, it } from "mocha";
import { settings } from "./config.ts";

describe("the README of sample-item-svc", () => {
  it("says what the code and the contract say", () => {
    assertReadmeTrue({ readme: new URL("../README.md", import.meta.url), service: "sample-item-svc", settings });
  });
});
