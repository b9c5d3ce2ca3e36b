import assert from "node:assert/strict";
import { once } from "node:events";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { BadRequestSchema, RetryInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { after, afterEach, before, describe, it } from "mocha";
import { createTokenVerifier } from "../auth/token-verifier.ts";
import { DomainError, type ErrorKind } from "../domain-error.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { createTestTokens, type TestTokens } from "../testing/test-tokens.ts";
import { implementThings, type ThingClient, thingService } from "../testing/thing-service.ts";
import { type Wire, wires } from "../testing/wires.ts";
import { currentContext } from "../work-context.ts";
import { callerOf } from "./caller.ts";
import { createGrpcTransport } from "./client/grpc-transport.ts";
import { codeOfKind, errorInfoOf } from "./error-details.ts";

type Registered = Required<Parameters<typeof implementThings>[0]>;
type Answers = { -readonly [Name in keyof Registered]: Registered[Name] };

const allWires: readonly Wire[] = [
  ...wires,
  {
    name: "gRPC through the client transport",
    implementation: "bridge",
    connect: ({ grpcPort }) => createGrpcTransport({ target: `127.0.0.1:${grpcPort}`, services: [thingService] }),
  },
];

const unset = (): never => {
  throw new Error("the test gave no answer");
};

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    return error;
  }
  return assert.fail("the call succeeded");
}

for (const wire of allWires) {
  describe(`a service over ${wire.name}`, () => {
    let tokens: TestTokens;
    let server: TestServer;
    let client: ThingClient;
    let close: () => void;
    let answers: Partial<Answers> = {};

    before(async () => {
      tokens = createTestTokens();
      const settings = { issuer: "quartet", audience: "quartet", now: Date.now };
      server = await startTestServer({
        registrations: [
          implementThings({
            read: (request, context) => (answers.read ?? unset)(request, context),
            hurry: (request, context) => (answers.hurry ?? unset)(request, context),
            write: (request, context) => (answers.write ?? unset)(request, context),
            administer: (request, context) => (answers.administer ?? unset)(request, context),
            watch: (request, context) => (answers.watch ?? unset)(request, context),
          }),
        ],
        verifier: createTokenVerifier({ keys: tokens.keySet, ...settings }),
        implementation: wire.implementation,
      });
      const transport = wire.connect(server);
      client = createClient(thingService, transport) as unknown as ThingClient;
      close = () => transport.close();
    });

    afterEach(() => {
      answers = {};
    });

    after(async () => {
      close();
      await server.stop();
    });

    it("carries a message there and another back", async () => {
      answers.read = ({ name, payload }) => ({ name: `${name}!`, payload: payload.slice().reverse() });
      const answer = await client.read({ name: "a", payload: Uint8Array.of(1, 2, 255) });
      assert.equal(answer.name, "a!");
      assert.deepEqual([...answer.payload], [255, 2, 1]);
    });

    it("carries headers, binary ones too, there and back, and trailers back", async () => {
      answers.read = (_request, context) => {
        context.responseHeader.set("x-seen", `${context.requestHeader.get("x-text")}`);
        context.responseHeader.set("x-raw-bin", context.requestHeader.get("x-raw-bin") ?? "");
        context.responseTrailer.set("x-last", "done");
        return { name: "a" };
      };
      const seen: { header?: Headers; trailer?: Headers } = {};
      const raw = Buffer.from([0, 1, 254, 255]).toString("base64").replace(/=+$/, "");
      await client.read(
        { name: "a" },
        {
          headers: { "x-text": "hello", "x-raw-bin": raw },
          onHeader: (header) => Object.assign(seen, { header }),
          onTrailer: (trailer) => Object.assign(seen, { trailer }),
        },
      );
      assert.equal(seen.header?.get("x-seen"), "hello");
      assert.equal(seen.header?.get("x-raw-bin")?.replace(/=+$/, ""), raw);
      assert.equal(seen.trailer?.get("x-last"), "done");
    });

    for (const kind of Object.keys(codeOfKind) as ErrorKind[]) {
      it(`answers an error of kind ${kind} with its code, reason and details`, async () => {
        answers.read = () => {
          throw new DomainError(kind, "BROKEN_THING", "that is 100 % broken – 壊れた", {
            metadata: { thing: "things/1" },
            fields: [{ field: "lines[2].name", description: "too long" }],
            retryDelayMs: 1500,
          });
        };
        const error = await failureOf(client.read({ name: "a" }));
        assert.equal(error.code, codeOfKind[kind]);
        assert.equal(error.rawMessage, "that is 100 % broken – 壊れた");
        const info = errorInfoOf(error);
        assert.deepEqual([info?.reason, info?.domain, info?.metadata.thing], ["BROKEN_THING", "test", "things/1"]);
        assert.equal(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field, "lines[2].name");
        const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
        assert.deepEqual([delay?.seconds, delay?.nanos], [1n, 500_000_000]);
        assert.equal(error.metadata.get("retry-after"), "2");
      });
    }

    it("says nothing about an unforeseen error but that it is internal", async () => {
      answers.read = () => {
        throw new Error("password=hunter2");
      };
      const error = await failureOf(client.read({ name: "a" }));
      assert.equal(error.code, Code.Internal);
      assert.equal(error.rawMessage, "internal error");
      assert.equal(errorInfoOf(error)?.reason, "INTERNAL");
    });

    it("names every field that breaks the rules of the contract", async () => {
      const error = await failureOf(client.read({ name: "x".repeat(21) }));
      assert.equal(error.code, Code.InvalidArgument);
      assert.equal(errorInfoOf(error)?.reason, "INVALID_FIELDS");
      const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations;
      assert.deepEqual(
        violations?.map(({ field }) => field),
        ["name"],
      );
      assert.match(error.rawMessage, /^name: /);
    });

    it("answers DEADLINE_EXCEEDED when the policy's deadline passes, whatever the method does", async () => {
      const aborted = Promise.withResolvers<void>();
      answers.hurry = (_request, context) => {
        context.signal.addEventListener("abort", () => aborted.resolve());
        return new Promise(() => {});
      };
      const error = await failureOf(client.hurry({ name: "a" }));
      assert.equal(error.code, Code.DeadlineExceeded);
      await aborted.promise;
    });

    it("gives the method what is left of the caller's deadline, when that is the shorter", async () => {
      let leftMs = 0;
      answers.read = () => {
        leftMs = (currentContext()?.deadlineTime ?? 0) - Date.now();
        return { name: "a" };
      };
      await client.read({ name: "a" }, { timeoutMs: 2000 });
      assert.ok(leftMs > 500 && leftMs <= 2000, String(leftMs));
      await client.read({ name: "a" }, { timeoutMs: 60_000 });
      assert.ok(leftMs > 2500 && leftMs <= 5000, String(leftMs));
    });

    it("tells the method that its caller has gone", async () => {
      const gone = new AbortController();
      const ended = Promise.withResolvers<void>();
      answers.read = async (_request, context) => {
        gone.abort();
        if (!context.signal.aborted) await once(context.signal, "abort");
        ended.resolve();
        return { name: "a" };
      };
      const error = await failureOf(client.read({ name: "a" }, { signal: gone.signal }));
      assert.equal(error.code, Code.Canceled);
      await ended.promise;
    });

    it("leaves the signal alone until the call is answered", async () => {
      const states: boolean[] = [];
      answers.read = async (_request, context) => {
        states.push(context.signal.aborted);
        await new Promise(setImmediate);
        states.push(context.signal.aborted);
        return { name: "a" };
      };
      await client.read({ name: "a" });
      assert.deepEqual(states, [false, false]);
    });

    it("refuses a request that is too large", async () => {
      const call = client.hurry({ name: "a", payload: new Uint8Array(1024 * 1024 + 1) });
      assert.equal((await failureOf(call)).code, Code.ResourceExhausted);
      answers.read = () => ({ name: "still there" });
      assert.equal((await client.read({ name: "a" })).name, "still there");
    });

    it("refuses to send a response that is too large", async () => {
      answers.read = () => ({ name: "a", payload: new Uint8Array(4 * 1024 * 1024 + 1) });
      assert.equal((await failureOf(client.read({ name: "a" }))).code, Code.ResourceExhausted);
    });

    it("streams responses in order, in the context of the call", async () => {
      const deadlines = new Set<number | undefined>();
      answers.watch = async function* ({ name }) {
        for (let count = 1; count <= 50; count++) {
          deadlines.add(currentContext()?.deadlineTime);
          yield { name: `${name}${count}` };
        }
      };
      const names: string[] = [];
      for await (const { name } of client.watch({ name: "a" })) names.push(name);
      assert.equal(names.length, 50);
      assert.equal(names.at(-1), "a50");
      assert.equal(deadlines.size, 1);
      assert.ok(!deadlines.has(undefined));
    });

    it("streams nothing when there is nothing", async () => {
      answers.watch = async function* () {};
      for await (const _ of client.watch({ name: "a" })) assert.fail("a response came");
    });

    it("sends what came before an error in the middle of a stream, and then the error", async () => {
      answers.watch = async function* () {
        yield { name: "first" };
        yield { name: "second" };
        throw new DomainError("failed_precondition", "THING_CLOSED", "closed");
      };
      const names: string[] = [];
      const error = await failureOf(
        (async () => {
          for await (const { name } of client.watch({ name: "a" })) names.push(name);
        })(),
      );
      assert.deepEqual(names, ["first", "second"]);
      assert.equal(error.code, Code.FailedPrecondition);
      assert.equal(errorInfoOf(error)?.reason, "THING_CLOSED");
    });

    it("validates the request of a stream", async () => {
      const error = await failureOf(client.watch({ name: "" })[Symbol.asyncIterator]().next());
      assert.equal(errorInfoOf(error)?.reason, "INVALID_FIELDS");
    });

    it("ends the method of a stream that its reader has left", async () => {
      const ended = Promise.withResolvers<void>();
      answers.watch = async function* (_request, context) {
        try {
          yield { name: "first" };
          await once(context.signal, "abort");
        } finally {
          ended.resolve();
        }
      };
      const gone = new AbortController();
      await failureOf(
        (async () => {
          for await (const _ of client.watch({ name: "a" }, { signal: gone.signal })) gone.abort();
        })(),
      );
      await ended.promise;
    });

    it("holds a stream up while its reader is slow", async () => {
      let produced = 0;
      const payload = new Uint8Array(256 * 1024);
      const total = 80;
      answers.watch = async function* () {
        for (; produced < total; produced++) yield { name: "a", payload };
      };
      let read = 0;
      for await (const _ of client.watch({ name: "a" })) {
        read++;
        if (read > 1) continue;
        // Long enough for everything to be produced, were there nothing to hold it up.
        for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
        assert.ok(produced < total, `${produced} produced, one read`);
      }
      assert.equal(read, total);
    });

    it("answers UNIMPLEMENTED for a method without an implementation", async () => {
      const error = await failureOf(client.missing({ name: "a" }));
      assert.equal(error.code, Code.Unimplemented);
      assert.equal(errorInfoOf(error)?.reason, "UNIMPLEMENTED");
    });

    it("knows who calls", async () => {
      answers.write = (_request, context) => {
        const caller = callerOf(context);
        return { name: caller.kind === "user" ? `${caller.role} ${caller.userId}` : caller.kind };
      };
      const headers = { authorization: `Bearer ${await tokens.sign({ userId: "u1" })}` };
      assert.equal((await client.write({ name: "a" }, { headers })).name, "customer u1");
    });

    it("asks for a token where the policy does, and refuses a bad one everywhere", async () => {
      answers.read = answers.write = () => ({ name: "a" });
      const missing = await failureOf(client.write({ name: "a" }));
      assert.deepEqual([missing.code, errorInfoOf(missing)?.reason], [Code.Unauthenticated, "MISSING_TOKEN"]);
      const headers = { authorization: "Bearer nonsense" };
      const bad = await failureOf(client.read({ name: "a" }, { headers }));
      assert.deepEqual([bad.code, errorInfoOf(bad)?.reason], [Code.Unauthenticated, "INVALID_TOKEN"]);
      const basic = await failureOf(client.read({ name: "a" }, { headers: { authorization: "Basic YTpi" } }));
      assert.deepEqual([basic.code, errorInfoOf(basic)?.reason], [Code.Unauthenticated, "INVALID_TOKEN"]);
    });

    it("lets only administrators do what the policy leaves to them", async () => {
      answers.administer = () => ({ name: "done" });
      const customer = { authorization: `Bearer ${await tokens.sign({ userId: "u1" })}` };
      const error = await failureOf(client.administer({ name: "a" }, { headers: customer }));
      assert.deepEqual([error.code, errorInfoOf(error)?.reason], [Code.PermissionDenied, "ADMIN_REQUIRED"]);
      const admin = { authorization: `Bearer ${await tokens.sign({ userId: "u2", role: "admin" })}` };
      assert.equal((await client.administer({ name: "a" }, { headers: admin })).name, "done");
    });

    it("does not pass on an error that came from another service untranslated", async () => {
      answers.read = async () => {
        const upstream = new ConnectError("upstream secret", Code.NotFound);
        throw Object.assign(upstream, { isWireError: true });
      };
      const error = await failureOf(client.read({ name: "a" }));
      assert.deepEqual([error.code, error.rawMessage], [Code.Internal, "internal error"]);
    });

    it("continues the caller's trace", async () => {
      let traceId: string | undefined;
      answers.read = () => {
        traceId = currentContext()?.trace.traceId;
        return { name: "a" };
      };
      const headers = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` };
      await client.read({ name: "a" }, { headers });
      // The client transport sends the trace of its own context, and starts one here.
      if (wire.name === "gRPC through the client transport") assert.match(traceId ?? "", /^[0-9a-f]{32}$/);
      else assert.equal(traceId, "a".repeat(32));
    });
  });
}
