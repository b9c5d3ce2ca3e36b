import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { RetryInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import type { Database } from "../storage/database.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { implementThings, type ThingClient, thingService } from "../testing/thing-service.ts";
import { type Admission, createAdmission } from "./admission.ts";
import { errorInfoOf } from "./error-details.ts";
import { createInterceptors } from "./interceptors.ts";

const callsMax = 3;
const stopTimeMaxMs = 2_000;

for (const implementation of ["bridge", "connect"] as const) {
  describe(`a service that is asked for more than it can do (${implementation})`, () => {
    let server: TestServer;
    let admission: Admission;
    let client: ThingClient;
    let overHttp: ThingClient;
    let database: Database;
    let lines: Record<string, unknown>[];
    let release: () => void;
    let begun: number;
    const metrics = () => made.expose().then(({ body }) => body);
    let made: ReturnType<typeof createMetrics>;

    beforeEach(async () => {
      database = await openTestDatabase();
      lines = [];
      begun = 0;
      made = createMetrics({ service: "test" });
      const released = Promise.withResolvers<void>();
      release = released.resolve;
      const log = createLogger({ service: "test", destination: { write: (line) => lines.push(JSON.parse(line)) } });
      admission = createAdmission({ callsMax, log, metrics: made, domain: "test" });
      const interceptors = createInterceptors({
        log,
        metrics: made,
        verifier: { verify: async () => ({ kind: "user", userId: "u1", role: "customer", sessionId: "s" }) },
        domain: "test",
        now: Date.now,
      });
      const registrations = [
        implementThings({
          read: async () => {
            begun += 1;
            await released.promise;
            return { name: "read" };
          },
          watch: async function* () {
            yield { name: "news" };
          },
          hurry: async () => {
            const change = database.transact(() => {
              begun += 1;
            });
            // The loop is busy until the deadline is past: no timer has told anybody.
            const endTime = performance.now() + 150;
            while (performance.now() < endTime);
            await change;
            return { name: "changed" };
          },
        }),
      ];
      server = await startTestServer({ registrations, interceptors, admission, implementation });
      client = createClient(thingService, server.transport) as unknown as ThingClient;
      const transport = createConnectTransport({ baseUrl: `http://127.0.0.1:${server.httpPort}`, httpVersion: "1.1" });
      overHttp = createClient(thingService, transport) as unknown as ThingClient;
    });
    afterEach(async () => {
      release();
      await server.stop(stopTimeMaxMs);
      await database.close();
    });

    const refusalOf = (call: Promise<unknown>) =>
      call.then(
        () => assert.fail("the call was answered"),
        (error: unknown) => ConnectError.from(error),
      );
    const fill = async () => {
      const calls = [client.read({ name: "a" }), client.read({ name: "b" }), overHttp.read({ name: "c" })];
      while (begun < callsMax) await new Promise(setImmediate);
      return calls;
    };

    it("refuses one call more on either wire before any work, with a reason and a time to wait", async () => {
      const calls = await fill();
      for (const refused of [client, overHttp]) {
        // It breaks the contract, but is not even looked at.
        const error = await refusalOf(refused.read({ name: "" }));
        assert.equal(error.code, Code.ResourceExhausted);
        assert.deepEqual([errorInfoOf(error)?.reason, errorInfoOf(error)?.domain], ["SERVICE_OVERLOADED", "test"]);
        const [retry] = error.findDetails(RetryInfoSchema);
        assert.equal(retry?.retryDelay && durationMs(retry.retryDelay), 1_000);
        assert.equal(error.metadata.get("retry-after"), "1");
      }
      assert.match(await metrics(), /^rpc_server_calls_under_way\{.*\} 3$/m);
      assert.match(await metrics(), /^rpc_server_calls_refused_total\{.*method="test.v1.ThingService\/Read".*\} 2$/m);
      const ofCalls = lines.filter(({ method }) => method !== undefined);
      assert.deepEqual(ofCalls, [], "a refusal costs no line of its own");
      release();
      await Promise.all(calls);
      assert.equal((await client.read({ name: "a" })).name, "read");
      assert.match(await metrics(), /^rpc_server_calls_under_way\{.*\} 0$/m);
    });

    it("keeps a refusal back, so that callers who ask again at once do not ask a thousand times a second", async () => {
      const calls = await fill();
      for (const refused of [client, overHttp]) {
        const startTime = performance.now();
        await refusalOf(refused.read({ name: "a" }));
        const keptMs = performance.now() - startTime;
        // A timer may fire a millisecond early.
        assert.ok(keptMs >= 49, `answered after ${keptMs} ms`);
      }
      release();
      await Promise.all(calls);
    });

    it("gives no place to a call whose message is not there yet", async () => {
      const session = connect(`http://127.0.0.1:${server.grpcPort}`);
      const begin = (name: string) => {
        const headers = { ":method": "POST", ":path": `/test.v1.ThingService/${name}`, te: "trailers" };
        return session.request({ ...headers, "content-type": "application/grpc" });
      };
      const statusOf = (stream: ClientHttp2Stream) =>
        new Promise<string>((resolve) => {
          const look = (headers: IncomingHttpHeaders) => {
            if (headers["grpc-status"] !== undefined) resolve(String(headers["grpc-status"]));
          };
          stream.on("response", look).on("trailers", look).resume();
        });
      try {
        const answered: string[] = [];
        for (let call = 0; call < 2 * callsMax; call++) {
          const waiting = begin("Read").on("error", () => {});
          void statusOf(waiting).then((status) => answered.push(status));
        }
        // What is answered on this connection shows that those before it have arrived.
        assert.equal(await statusOf(begin("Nothing").end(Buffer.alloc(5))), String(Code.Unimplemented));
        const calls = await fill();
        const refused = begin("Read");
        // The bridge does not wait for it.
        if (implementation === "connect") refused.end(Buffer.alloc(5));
        const closed = once(refused, "close");
        assert.equal(await statusOf(refused), String(Code.ResourceExhausted));
        // Nothing more is read of it.
        await closed;
        // What has no limit of this kind goes on to where it belongs.
        assert.equal(await statusOf(begin("Nothing").end(Buffer.alloc(5))), String(Code.Unimplemented));
        assert.deepEqual(answered, []);
        release();
        await Promise.all(calls);
      } finally {
        session.destroy();
      }
    });

    it("goes on with streams, which have limits of their own", async () => {
      const calls = await fill();
      const news: string[] = [];
      for await (const { name } of client.watch({ name: "a" })) news.push(name);
      assert.deepEqual(news, ["news"]);
      release();
      await Promise.all(calls);
    });

    it("begins no transaction after the deadline of its call, also when no timer could tell", async () => {
      const error = await refusalOf(client.hurry({ name: "a" }));
      assert.equal(error.code, Code.DeadlineExceeded);
      // Whatever was queued has had its turn.
      await database.transact(() => undefined);
      assert.equal(begun, 0);
    });
  });
}
