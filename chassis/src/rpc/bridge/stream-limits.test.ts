import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, type ServerHttp2Session, type Settings } from "node:http2";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import { silentLogger } from "../../log.ts";
import { createMetrics } from "../../metrics.ts";
import { eventually } from "../../testing/eventually.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { implementThings } from "../../testing/thing-service.ts";
import { createAdmission } from "../admission.ts";
import { createStreamLimits, type StreamLimits } from "./stream-limits.ts";

const most = 256;
/** What the admission lets in, in one turn, however long it takes. */
const least = 64;
const callsAtOnce = 100;
const busyMs = 3;
const stopTimeMaxMs = 2_000;

describe("a service that is slow", () => {
  let server: TestServer;
  let session: ClientHttp2Session;
  let allowed: (number | undefined)[];

  const open = async () => {
    session = connect(`http://127.0.0.1:${server.grpcPort}`);
    allowed = [];
    session.on("remoteSettings", ({ maxConcurrentStreams }: Settings) => allowed.push(maxConcurrentStreams));
    await eventually("a connection", () => allowed.length === 1);
    assert.deepEqual(allowed.splice(0), [most]);
  };
  /** Asks for things, all in one write, and waits for every answer. */
  const ask = async (count: number, headers: Record<string, string>) => {
    const message = Buffer.from([0, 0, 0, 0, 3, 0x0a, 1, 0x61]);
    const call = { ":method": "POST", ":path": "/test.v1.ThingService/Read", "content-type": "application/grpc" };
    const streams = Array.from({ length: count }, () => session.request({ ...call, te: "trailers", ...headers }));
    await Promise.all(streams.map((stream) => once(stream.resume().end(message), "close")));
  };

  beforeEach(async () => {
    const metrics = createMetrics({ service: "test" });
    const read = async () => {
      const endTime = performance.now() + busyMs;
      while (performance.now() < endTime);
      return { name: "read" };
    };
    const admission = createAdmission({ callsMax: 512, log: silentLogger(), metrics, domain: "test" });
    server = await startTestServer({ registrations: [implementThings({ read })], admission });
    await open();
  });
  afterEach(async () => {
    session.destroy();
    await server.stop(stopTimeMaxMs);
  });

  it("lets a gateway have fewer calls under way, and step by step as many as before when it no longer is", async () => {
    await ask(callsAtOnce, { via: "2 gateway" });
    await eventually("fewer calls", () => allowed.length > 0);
    assert.equal(allowed[0], least);
    await eventually("as many calls as before", () => allowed.includes(most));
    assert.deepEqual(allowed, [least, 2 * least, most]);
  });

  it("lets others have as many as always, who would only wait in a queue of their own", async () => {
    await ask(callsAtOnce, {});
    await delay(200);
    assert.deepEqual(allowed, []);
  });
});

describe("the limits of a gateway's connections", () => {
  const gateway = { via: "2 gateway" };
  let limits: StreamLimits;

  const newSession = (state: { pendingSettingsAck?: boolean; destroyed?: boolean } = {}) => {
    const allowed: (number | undefined)[] = [];
    const settings = ({ maxConcurrentStreams }: Settings) => void allowed.push(maxConcurrentStreams);
    return { allowed, session: { pendingSettingsAck: false, destroyed: false, ...state, settings } };
  };
  type Session = ReturnType<typeof newSession>;
  const call = ({ session }: Session, isLetIn: boolean) =>
    limits.count({ session: session as unknown as ServerHttp2Session }, gateway, isLetIn);
  const letIn = (session: Session, count: number) => {
    for (let one = 0; one < count; one++) call(session, true);
  };
  const endTurnAfter = async (ms: number) => {
    const endTime = performance.now() + ms;
    while (performance.now() < endTime);
    await nextTurn();
  };

  beforeEach(() => {
    limits = createStreamLimits(most);
  });

  it("are shared by all that had calls, though all of one were refused", async () => {
    const [first, second] = [newSession(), newSession()];
    letIn(first, least);
    call(second, false);
    await endTurnAfter(110);
    assert.deepEqual([first.allowed, second.allowed], [[least / 2], [least / 2]]);
  });

  it("are what is done in a tenth of a second", async () => {
    const [one, calls] = [newSession(), 400];
    const startTime = performance.now();
    letIn(one, calls);
    await endTurnAfter(200);
    const leastDone = Math.max(least, (calls / (performance.now() - startTime)) * 100);
    const [streams = 0] = one.allowed;
    assert.ok(streams >= leastDone && streams <= calls / 2, `${streams}, not ${leastDone}`);
  });

  it("stay when many are done in no time", async () => {
    const one = newSession();
    letIn(one, most);
    await endTurnAfter(0);
    assert.deepEqual(one.allowed, []);
  });

  it("stay when that is more than they were, and when it is as many as before", async () => {
    const [fast, slow] = [newSession(), newSession()];
    letIn(fast, 100 * most);
    await endTurnAfter(110);
    assert.deepEqual(fast.allowed, []);
    for (let turn = 0; turn < 2; turn++) {
      letIn(slow, least);
      await endTurnAfter(110);
    }
    assert.deepEqual(slow.allowed, [least]);
  });

  it("stay when few calls took long, for another reason", async () => {
    const one = newSession();
    letIn(one, 10);
    await endTurnAfter(110);
    assert.deepEqual(one.allowed, []);
  });

  it("are not told to a connection that has not answered to the last, or is gone", async () => {
    for (const one of [newSession({ pendingSettingsAck: true }), newSession({ destroyed: true })]) {
      letIn(one, least);
      await endTurnAfter(110);
      assert.deepEqual(one.allowed, []);
    }
  });
});
