import assert from "node:assert/strict";
import { once } from "node:events";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { RetryInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { eventually } from "../testing/eventually.ts";
import { startTcpProxy, type TcpProxy } from "../testing/tcp-proxy.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { implementThings, type ThingClient, thingService } from "../testing/thing-service.ts";
import { type WireTransport, wires } from "../testing/wires.ts";
import { errorInfoOf } from "./error-details.ts";

// Longer than any test may take: a stop that waited for it would fail its test.
const graceMs = 3_600_000;

for (const wire of wires) {
  describe(`stopping a service over ${wire.name}`, () => {
    let server: TestServer;
    let transport: WireTransport;
    let client: ThingClient;
    let finishRead: PromiseWithResolvers<void>;
    let enteredRead: PromiseWithResolvers<void>;
    let started: number;
    let ended: number;

    beforeEach(async () => {
      started = 0;
      ended = 0;
      finishRead = Promise.withResolvers();
      enteredRead = Promise.withResolvers();
      server = await startTestServer({
        registrations: [
          implementThings({
            read: async () => {
              enteredRead.resolve();
              await finishRead.promise;
              return { name: "late" };
            },
            watch: async function* ({ name }, context) {
              started += 1;
              try {
                if (name === "silent") await once(context.signal, "abort");
                yield { name: "first" };
                if (name === "flood") for (;;) yield { name: "drop", payload: new Uint8Array(256 * 1024) };
                await once(context.signal, "abort");
              } finally {
                ended += 1;
              }
            },
          }),
        ],
        implementation: wire.implementation,
      });
      transport = wire.connect(server);
      client = createClient(thingService, transport) as unknown as ThingClient;
    });
    afterEach(async () => {
      transport.close();
      await server.stop(0);
    });

    const watch = (name: string) => client.watch({ name })[Symbol.asyncIterator]();
    const failureOf = async (next: Promise<unknown>): Promise<ConnectError> =>
      next.then(
        () => assert.fail("the stream went on"),
        (error) => ConnectError.from(error),
      );
    const assertShutDown = (error: ConnectError) => {
      assert.equal(error.code, Code.Unavailable, error.message);
      assert.equal(errorInfoOf(error)?.reason, "SHUTTING_DOWN");
      const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
      assert.ok(delay?.seconds === 0n && delay.nanos > 0, "asks to come back in less than a second");
    };

    it("ends streams at once with SHUTTING_DOWN, and waits for none of them", async () => {
      const streams = [watch("a"), watch("b")];
      for (const stream of streams) assert.equal((await stream.next()).value.name, "first");
      const stopped = server.stop(graceMs);
      for (const stream of streams) assertShutDown(await failureOf(stream.next()));
      await stopped;
      assert.equal(ended, 2);
    });

    it("ends a stream that has not said anything yet", async () => {
      const first = failureOf(watch("silent").next());
      await eventually("the stream is open", () => started === 1);
      await server.stop(graceMs);
      assertShutDown(await first);
    });

    it("lets a single call finish while it ends the streams", async () => {
      const stream = watch("a");
      await stream.next();
      const call = client.read({ name: "a" });
      await enteredRead.promise;
      const stopped = server.stop(graceMs);
      assertShutDown(await failureOf(stream.next()));
      finishRead.resolve();
      assert.equal((await call).name, "late");
      await stopped;
    });

    it("ends the method of a reader who does not read, and cuts the stream when the grace is over", async () => {
      const stream = watch("flood");
      await stream.next();
      const stopped = server.stop(100);
      await eventually("the method has ended", () => ended === 1);
      await stopped;
    });

    it("cuts a connection that takes nothing any more when the grace is over", async () => {
      const proxies = await Promise.all([server.grpcPort, server.httpPort].map(startTcpProxy));
      const [grpc, http] = proxies as [TcpProxy, TcpProxy];
      const stalled = wire.connect({ grpcPort: grpc.port, httpPort: http.port });
      try {
        const things = createClient(thingService, stalled) as unknown as ThingClient;
        const reading = (async () => {
          for await (const _ of things.watch({ name: "flood" })) for (const proxy of proxies) proxy.holdAnswers(true);
        })();
        const failed = assert.rejects(reading);
        await eventually("the stream is open", () => started === 1);
        await server.stop(100);
        assert.equal(ended, 1);
        await Promise.all(proxies.map((proxy) => proxy.stop()));
        await failed;
      } finally {
        stalled.close();
        await Promise.all(proxies.map((proxy) => proxy.stop()));
      }
    });
  });
}
