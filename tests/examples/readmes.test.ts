import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { toProperties } from "@quartet/chassis/broker/amqp-message";
import { describe, it } from "mocha";

const rootDir = join(import.meta.dirname, "..", "..");
const readmes = ["examples/README.md", "examples/go-client/README.md", "examples/python-consumer/README.md"];
const textOf = (file: string) => readFileSync(join(rootDir, file), "utf8");

describe("the READMEs of the examples", () => {
  it("link to files that exist", () => {
    const links = readmes.flatMap((file) =>
      [...textOf(file).matchAll(/\]\(([^)#]+)\)/g)].map(([, link = ""]) => join(dirname(file), link)),
    );
    assert.ok(links.length >= 8);
    assert.deepEqual(
      links.filter((link) => !existsSync(join(rootDir, link))),
      [],
    );
  });

  it("name every property and header that an event has on the broker", () => {
    const event = { id: "1", type: "a.B", aggregate: "a/1", version: 1, payload: new Uint8Array(), time: 1 };
    const {
      headers,
      persistent: _,
      ...properties
    } = toProperties({ ...event, traceparent: "t", tracestate: "t" }, "a");
    const names = Object.keys(properties).map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    const [, table = ""] = /## What a message is\n(.*)$/s.exec(textOf("examples/README.md")) ?? [];
    assert.deepEqual(
      [...names, ...Object.keys(headers ?? {})].filter((name) => !table.includes(`\`${name}\``)),
      [],
    );
  });
});
