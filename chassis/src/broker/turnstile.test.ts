import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createTurnstile } from "./turnstile.ts";

describe("turnstile", () => {
  it("starts shared works in the caller's turn, side by side", () => {
    const turnstile = createTurnstile();
    const log: string[] = [];
    void turnstile.shared(async () => void log.push("a"));
    void turnstile.shared(async () => void log.push("b"));
    assert.deepEqual(log, ["a", "b"]);
  });

  it("runs a work alone and in the order in which all of them came", async () => {
    const turnstile = createTurnstile();
    const log: string[] = [];
    const first = Promise.withResolvers<void>();
    const alone = Promise.withResolvers<void>();
    const works = [
      turnstile.shared(async () => {
        log.push("shared begins");
        await first.promise;
        log.push("shared ends");
      }),
      turnstile.alone(async () => {
        log.push("alone begins");
        await alone.promise;
        log.push("alone ends");
      }),
      turnstile.shared(async () => void log.push("last")),
    ];
    assert.deepEqual(log, ["shared begins"]);
    first.resolve();
    await works[0];
    await Promise.resolve();
    alone.resolve();
    await Promise.all(works);
    assert.deepEqual(log, ["shared begins", "shared ends", "alone begins", "alone ends", "last"]);
  });

  it("lets others pass after a failure", async () => {
    const turnstile = createTurnstile();
    await assert.rejects(
      turnstile.alone(async () => {
        throw new Error("broken");
      }),
      /broken/,
    );
    assert.equal(await turnstile.alone(async () => "next"), "next");
  });
});
