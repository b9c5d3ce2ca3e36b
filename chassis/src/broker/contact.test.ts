import assert from "node:assert/strict";
import { beforeEach, describe, it } from "mocha";
import { fixedClock } from "../testing/clock.ts";
import { type Contact, createContact } from "./contact.ts";

describe("the contact of a process", () => {
  let clock: ReturnType<typeof fixedClock>;
  let contact: Contact;
  let start: number;
  const broker = { connected: true, publishable: true };
  let tell = () => {};
  const become = (state: Partial<typeof broker>) => {
    Object.assign(broker, state);
    tell();
  };
  /** Asks every second, as long as this. */
  const askFor = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      clock.advance(1_000);
      contact.since();
    }
  };

  beforeEach(() => {
    clock = fixedClock();
    start = clock.now();
    contact = createContact(clock);
    Object.assign(broker, { connected: true, publishable: true });
    contact.follow({
      get connected() {
        return broker.connected;
      },
      get publishable() {
        return broker.publishable;
      },
      onStateChange: (listener) => {
        tell = listener;
      },
    });
    contact.since();
  });

  it("lasts since the broker is there", () => {
    askFor(60_000);
    assert.equal(contact.since(), start);
  });

  it("is none while the broker is away or asks for a pause, and begins anew after that", () => {
    for (const state of ["connected", "publishable"] as const) {
      become({ [state]: false });
      askFor(5_000);
      assert.equal(contact.since(), undefined);
      become({ [state]: true });
      const backTime = clock.now();
      askFor(5_000);
      assert.equal(contact.since(), backTime);
    }
  });

  it("goes on when the broker tells of something else", () => {
    askFor(5_000);
    tell();
    assert.equal(contact.since(), start);
  });

  it("begins anew when the process stood still or the clock was set", () => {
    for (const jump of [10_001, 3_600_000, -1]) {
      clock.advance(jump);
      assert.equal(contact.since(), clock.now());
    }
    const { now } = clock;
    const time = now();
    clock.advance(10_000);
    assert.equal(contact.since(), time);
  });

  it("is none before there is a broker", () => {
    assert.equal(createContact(clock).since(), undefined);
  });
});
