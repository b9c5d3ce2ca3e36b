import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { after, afterEach, before, describe, it } from "mocha";
import { eventually, type Gateway, startGateway } from "./gateway-process.ts";

const healthCheck = "/grpc.health.v1.Health/Check";
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);
const nothing = Buffer.alloc(5);
const [usual, few] = [100, 2];
/** As many as the gateway has to a service. */
const connectionsMax = 6;
const callsAtOnce = 60;
/** After so long whatever is let through has come. */
const settleMs = 200;

describe("a service that lets the gateway have fewer calls under way", () => {
  let service: Http2Server;
  let gateway: Gateway;
  let sessions: Set<ServerHttp2Session>;
  let answering: PromiseWithResolvers<void>;
  let [underWay, mostUnderWay] = [0, 0];

  const answer = (stream: ServerHttp2Stream, message: Buffer) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(message);
  };
  before(async () => {
    sessions = new Set();
    answering = Promise.withResolvers();
    answering.resolve();
    service = createServer({ settings: { maxConcurrentStreams: usual } });
    service.on("session", (session) => {
      sessions.add(session);
      session.once("close", () => sessions.delete(session));
    });
    service.on("stream", async (stream, headers) => {
      stream.on("error", () => {}).resume();
      if (headers[":path"] === healthCheck) return answer(stream, serving);
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      await answering.promise;
      underWay -= 1;
      if (!stream.destroyed) answer(stream, nothing);
    });
    await once(service.listen(0, "127.0.0.1"), "listening");
    const { port } = service.address() as AddressInfo;
    const upstream = { host: "127.0.0.1", grpcPort: port, httpPort: port };
    gateway = await startGateway({ upstreams: { "product-svc": upstream } });
    await eventually("the service is found", async () => (await get()) === 200);
  });
  afterEach(() => allow(usual));
  after(async () => {
    await gateway?.stop();
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => service.close(resolve));
  });

  const get = async () => (await fetch(`${gateway.url}/v1/products/1`)).status;
  /** Of the connections there are, and of those to come. */
  const allow = async (maxConcurrentStreams: number) => {
    service.updateSettings({ maxConcurrentStreams });
    const heard = (session: ServerHttp2Session) =>
      new Promise<void>((resolve) => session.settings({ maxConcurrentStreams }, () => resolve()));
    await Promise.all([...sessions].map(heard));
  };
  /** Calls that are all answered once `isEnough` of them are under way, and how many those were at most. */
  const mostOf = async (isEnough: () => boolean) => {
    mostUnderWay = 0;
    answering = Promise.withResolvers();
    const calls = Array.from({ length: callsAtOnce }, get);
    await eventually("calls are under way", async () => isEnough());
    await delay(settleMs);
    answering.resolve();
    assert.deepEqual([...new Set(await Promise.all(calls))], [200]);
    return mostUnderWay;
  };
  const areAllUnderWay = () => underWay === callsAtOnce;

  it("gets no more of them, and the others wait in the gateway and are answered", async () => {
    assert.equal(await mostOf(areAllUnderWay), callsAtOnce);
    await allow(few);
    const most = await mostOf(() => underWay >= few);
    assert.ok(most <= connectionsMax * few, `${most} at once`);
    await allow(usual);
    assert.equal(await mostOf(areAllUnderWay), callsAtOnce);
  });
});
