import { assertReadmeTrue } from "@quartet/chassis/testing/readme-check";
import { describe, it } from "mocha";
import { settings } from "./config.ts";

describe("the README of user-svc", () => {
  it("says what the code and the contract say", () => {
    assertReadmeTrue({
      readme: new URL("../README.md", import.meta.url),
      service: "user-svc",
      settings,
      defaults: { PASSWORD_HASHES_MAX: "cores" },
    });
  });
});
