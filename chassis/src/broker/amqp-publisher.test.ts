import assert from "node:assert/strict";
import type { ConfirmChannel } from "amqplib/callback_api";
import { afterEach, beforeEach, describe, it } from "mocha";
import { silentLogger } from "../log.ts";
import { eventually } from "../testing/eventually.ts";
import { type AmqpPublisher, createAmqpPublisher } from "./amqp-publisher.ts";
import type { AmqpSession } from "./amqp-session.ts";

const made = "things.v1.ThingMade";
const confirmTimeoutMs = 300;

describe("AMQP publisher whose events nobody confirms", () => {
  let publisher: AmqpPublisher;
  let life: AbortController;
  let isBlocked: boolean;
  let givenUpTime: number | undefined;

  beforeEach(async () => {
    life = new AbortController();
    isBlocked = false;
    givenUpTime = undefined;
    publisher = createAmqpPublisher({
      topology: { exchange: "things.events", publishes: new Map([[made, 1]]), outbound: [], inbound: undefined },
      appId: "thing-svc",
      log: silentLogger(),
      confirmTimeoutMs,
    });
    await publisher.setup(silentSession());
  });
  afterEach(() => life.abort());

  /** One on which everything can be declared, and nothing is ever confirmed. */
  function silentSession(): AmqpSession {
    const channel = {
      on: () => channel,
      assertExchange: (_name: string, _type: string, _options: object, callback: (error: null) => void) =>
        callback(null),
      publish: () => true,
    };
    return {
      alive: true,
      get blocked() {
        return isBlocked;
      },
      signal: life.signal,
      openConfirmChannel: async () => channel as unknown as ConfirmChannel,
      fail() {
        givenUpTime = performance.now();
        life.abort();
      },
    } as unknown as AmqpSession;
  }
  function publish(): void {
    const message = { id: "a", type: made, aggregate: "things/1", version: 1, payload: new Uint8Array(), time: 0 };
    publisher.publish(message).catch(() => {});
  }
  const isGivenUp = () => givenUpTime !== undefined;

  it("gives the connection up after its bound", async () => {
    publish();
    await eventually("given up", isGivenUp);
  });

  it("waits as long as the broker asks for a pause, and for its bound after that", async () => {
    publish();
    isBlocked = true;
    const startTime = performance.now();
    await eventually("a long pause", () => performance.now() - startTime > 2 * confirmTimeoutMs);
    assert.ok(!isGivenUp());
    isBlocked = false;
    const endTime = performance.now();
    await eventually("given up", isGivenUp);
    // It looks now and then, so that it knows of the end a little early.
    assert.ok((givenUpTime ?? 0) - endTime > confirmTimeoutMs / 2);
  });
});
