import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { eventually } from "@quartet/chassis/testing/eventually";
import { afterEach, beforeEach, describe, it } from "mocha";
import { seededRandom } from "../random.ts";
import { type FaultyLink, startFaultyLink } from "./faulty-link.ts";

/** How long nothing must happen before we believe that nothing does. */
const quietMs = 100;

describe("a faulty link", () => {
  let server: Server;
  let link: FaultyLink;
  let atServer: Peer[];
  let clients: Peer[];

  beforeEach(async () => {
    atServer = [];
    clients = [];
    server = createServer({ allowHalfOpen: true }, (socket) => atServer.push(watched(socket)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    link = await startFaultyLink((server.address() as AddressInfo).port, seededRandom(1));
  });
  afterEach(async () => {
    for (const { socket } of [...clients, ...atServer]) socket.destroy();
    await link.stop();
    await new Promise((resolve) => server.close(resolve));
  });

  const open = async (): Promise<{ client: Peer; peer: Peer }> => {
    const count = atServer.length;
    const client = watched(connect({ host: "127.0.0.1", port: link.port, allowHalfOpen: true }));
    clients.push(client);
    await eventually("connected", () => atServer.length > count);
    return { client, peer: atServer[count] as Peer };
  };
  const quiet = () => new Promise((resolve) => setTimeout(resolve, quietMs));

  it("passes everything on, both ways, and the end of each way by itself", async () => {
    const { client, peer } = await open();
    const much = "x".repeat(1_000_000);
    client.socket.end(much);
    await eventually("all is there", () => peer.hasEnded && peer.text() === much);
    peer.socket.end("answer");
    await eventually("the answer is there", () => client.hasEnded && client.text() === "answer");
    await eventually("both are closed", () => client.isClosed && peer.isClosed);
    assert.deepEqual([client.error, peer.error], [undefined, undefined]);
  });

  it("delays, each piece by its own time, and keeps their order", async () => {
    const { client, peer } = await open();
    link.set({ toServer: { latencyMs: 60, jitterMs: 40 } });
    const startTime = performance.now();
    for (let piece = 0; piece < 20; piece++) {
      client.socket.write(`${piece} `);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const all = Array.from({ length: 20 }, (_, piece) => `${piece} `).join("");
    await eventually("all is there", () => peer.text() === all);
    assert.ok(performance.now() - startTime >= 60);
  });

  it("lets nothing through while it is silent, not even an end, and everything afterwards", async () => {
    const { client, peer } = await open();
    link.set({ toServer: { isSilent: true } });
    client.socket.end("late");
    await quiet();
    assert.deepEqual([peer.text(), peer.hasEnded], ["", false]);
    peer.socket.write("the other way");
    await eventually("the other way is open", () => client.text() === "the other way");
    link.set({});
    await eventually("all is there", () => peer.text() === "late" && peer.hasEnded);
  });

  it("forgets connections in one direction for good, and passes on new ones", async () => {
    const { client, peer } = await open();
    link.forget("toClient");
    link.set({});
    client.socket.write("question");
    await eventually("the question is there", () => peer.text() === "question");
    peer.socket.end("answer");
    await quiet();
    assert.deepEqual([client.text(), client.hasEnded, client.isClosed], ["", false, false]);
    const second = await open();
    second.peer.socket.write("news");
    await eventually("the new one works", () => second.client.text() === "news");
  });

  it("cuts connections somewhere in what they carry", async () => {
    const { client, peer } = await open();
    link.set({ toServer: { cutAfterBytesMax: 1_000 } });
    for (let piece = 0; piece < 20; piece++) client.socket.write("x".repeat(100));
    await eventually("both are closed", () => client.isClosed && peer.isClosed);
    assert.ok(peer.text().length < 1_000, `${peer.text().length} bytes`);
  });

  it("slices", async () => {
    const { client, peer } = await open();
    link.set({ toServer: { pieceBytesMax: 3 } });
    client.socket.write("x".repeat(60));
    await eventually("all is there", () => peer.text().length === 60);
    assert.ok(peer.pieces.length > 10, `${peer.pieces.length} pieces`);
  });

  it("is as slow as it is told", async () => {
    const { client, peer } = await open();
    link.set({ toServer: { bytesPerSecond: 2_000 } });
    const startTime = performance.now();
    client.socket.write("x".repeat(400));
    await eventually("all is there", () => peer.text().length === 400);
    assert.ok(performance.now() - startTime >= 150);
  });

  it("resets, and refuses for a while", async () => {
    const { client, peer } = await open();
    link.reset();
    await eventually("both are closed", () => client.isClosed && peer.isClosed);
    assert.deepEqual([client.error, peer.error], ["ECONNRESET", "ECONNRESET"]);
    await link.refuse(true);
    const refused = watched(connect({ host: "127.0.0.1", port: link.port }));
    await eventually("it is refused", () => refused.isClosed);
    assert.equal(refused.error, "ECONNREFUSED");
    await link.refuse(false);
    const again = await open();
    again.client.socket.write("again");
    await eventually("it works again", () => again.peer.text() === "again");
    assert.equal(link.accepted(), 2);
  });
});

interface Peer {
  readonly socket: Socket;
  readonly pieces: string[];
  text(): string;
  hasEnded: boolean;
  isClosed: boolean;
  error: string | undefined;
}

function watched(socket: Socket): Peer {
  const peer: Peer = {
    socket,
    pieces: [],
    text: () => peer.pieces.join(""),
    hasEnded: false,
    isClosed: false,
    error: undefined,
  };
  socket.on("data", (data) => peer.pieces.push(data.toString()));
  socket.once("end", () => {
    peer.hasEnded = true;
  });
  socket.once("close", () => {
    peer.isClosed = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    peer.error = error.code;
  });
  return peer;
}
