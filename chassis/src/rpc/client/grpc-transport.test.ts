import assert from "node:assert/strict";
import { createServer } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { ErrorInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { StatusSchema } from "@quartet/proto/google/rpc/status_pb";
import { afterEach, describe, it } from "mocha";
import { fixedClock } from "../../testing/clock.ts";
import { type ThingsService, thingsService } from "../../testing/things-contract.ts";
import { parseTraceparent } from "../../trace.ts";
import { runInContext } from "../../work-context.ts";
import { createGrpcTransport, type GrpcTransport, type GrpcTransportOptions } from "./grpc-transport.ts";
import { channelLimits, serviceConfigOf } from "./service-config.ts";

const trace = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", sampled: true };

describe("gRPC transport", () => {
  const service = thingsService();
  let closers: (() => void)[] = [];

  const listen = async (answer: Answer, port = 0): Promise<ThingServer> => {
    const server = await startThingServer(answer, port);
    closers.push(server.stop);
    return server;
  };
  const open = (
    target: string,
    options: Partial<GrpcTransportOptions> = {},
  ): GrpcTransport & { client: Client<ThingsService> } => {
    const transport = createGrpcTransport({ target, services: [service], ...options });
    closers.push(transport.close);
    return Object.assign(transport, { client: createClient(service, transport) });
  };

  afterEach(() => {
    for (const close of closers) close();
    closers = [];
  });

  it("carries request, headers, answer, header and trailer", async () => {
    const server = await listen(({ value, call }) => {
      const header = new Metadata();
      header.set("x-header", `seen ${call.metadata.get("x-asked")} ${call.metadata.get("x-raw-bin")}`);
      call.sendMetadata(header);
      const trailer = new Metadata();
      trailer.set("x-raw-bin", Buffer.from("trailer"));
      return { value: `${value}!`, trailer };
    });
    const seen: Partial<Record<"header" | "trailer", Headers>> = {};
    const answer = await open(server.target).client.getThing(
      { value: "a" },
      {
        headers: { "x-asked": "yes", "x-raw-bin": Buffer.from("raw").toString("base64") },
        onHeader: (header) => Object.assign(seen, { header }),
        onTrailer: (trailer) => Object.assign(seen, { trailer }),
      },
    );
    assert.equal(answer.value, "a!");
    assert.equal(seen.header?.get("x-header"), "seen yes raw");
    assert.equal(Buffer.from(seen.trailer?.get("x-raw-bin") ?? "", "base64").toString(), "trailer");
  });

  it("calls the instances of a service in turn", async () => {
    const [first, second] = await Promise.all([listen(() => ({ value: "" })), listen(() => ({ value: "" }))]);
    const { client } = open(`ipv4:${first.target},${second.target}`);
    await until(async () => {
      await client.getThing({});
      return first.calls.length > 0 && second.calls.length > 0;
    });
    const before = [first.calls.length, second.calls.length];
    for (let call = 0; call < 10; call += 1) await client.getThing({});
    assert.deepEqual([first.calls.length - (before[0] ?? 0), second.calls.length - (before[1] ?? 0)], [5, 5]);
  });

  it("continues the trace of the current context, and starts one without", async () => {
    const server = await listen(() => ({ value: "" }));
    const { client } = open(server.target);
    await runInContext({ trace: { ...trace, tracestate: "a=1" } }, () => client.getThing({}));
    await client.getThing({});
    const [inside, outside] = server.calls.map(({ metadata }) =>
      parseTraceparent(String(metadata.get("traceparent")), String(metadata.get("tracestate"))),
    );
    assert.equal(inside?.traceId, trace.traceId);
    assert.notEqual(inside?.spanId, trace.spanId);
    assert.equal(inside?.tracestate, "a=1");
    assert.ok(outside !== undefined && outside.traceId !== trace.traceId);
  });

  describe("deadline", () => {
    const allowedMs = async (
      options: Partial<GrpcTransportOptions>,
      call?: CallOptions,
      deadlineTime?: number,
    ): Promise<number> => {
      const server = await listen(() => ({ value: "" }));
      const startTime = Date.now();
      const { client } = open(server.target, options);
      await runInContext({ trace, deadlineTime }, () => client.getThing({}, call));
      return (server.calls[0]?.deadlineTime ?? Number.POSITIVE_INFINITY) - startTime;
    };
    // The server counts from the arrival of the call, so its deadline is a little later.
    const about = (actualMs: number, expectedMs: number) =>
      assert.ok(actualMs > expectedMs - 500 && actualMs < expectedMs + 500, `${actualMs} ms, not ${expectedMs}`);

    it("is the client's without another", async () => about(await allowedMs({ timeoutMs: 2_000 }), 2_000));

    it("is the call's where it names one", async () => {
      about(await allowedMs({ timeoutMs: 2_000 }, { timeoutMs: 3_000 }), 3_000);
    });

    it("is never later than the contract's", async () => {
      about(await allowedMs({ timeoutMs: 60_000 }, { timeoutMs: 60_000 }), 5_000);
    });

    it("is never later than what is left of the current context's, by the given clock", async () => {
      const clock = fixedClock();
      about(await allowedMs({ now: clock.now }, undefined, clock.now() + 1_500), 1_500);
    });

    it("ends the call without asking the server when no time is left", async () => {
      const server = await listen(() => ({ value: "" }));
      const { client } = open(server.target);
      await assert.rejects(
        runInContext({ trace, deadlineTime: Date.now() - 1 }, () => client.getThing({})),
        failed(Code.DeadlineExceeded),
      );
      assert.equal(server.calls.length, 0);
    });

    it("ends a call and a stream that the server does not answer", async () => {
      const { client } = open((await listen(() => "silent")).target, { timeoutMs: 50 });
      await assert.rejects(client.getThing({}), failed(Code.DeadlineExceeded));
      await assert.rejects(collect(client.watchThing({})), failed(Code.DeadlineExceeded));
    });

    it("ends a call to a service that cannot be reached", async () => {
      const server = await listen(() => ({ value: "" }));
      server.stop();
      await assert.rejects(open(server.target).client.createThing({}), failed(Code.Unavailable));
    });
  });

  it("retries UNAVAILABLE where the contract allows it, and there only", async () => {
    const attempts = async (call: (client: Client<ThingsService>) => Promise<unknown>): Promise<number> => {
      // A server each: throttling is shared by all channels to one target.
      const server = await listen(() => ({ code: status.UNAVAILABLE, details: "later" }));
      await assert.rejects(call(open(server.target).client), failed(Code.Unavailable));
      return server.calls.length;
    };
    assert.equal(await attempts((client) => client.getThing({})), 3);
    assert.equal(await attempts((client) => client.putThing({})), 3);
    assert.equal(await attempts((client) => client.createThing({})), 1);
    assert.equal(await attempts((client) => collect(client.watchThing({}))), 3);
  });

  it("retries no other error", async () => {
    const server = await listen(() => ({ code: status.INTERNAL, details: "broken" }));
    await assert.rejects(open(server.target).client.getThing({}), failed(Code.Internal));
    assert.equal(server.calls.length, 1);
  });

  it("answers after a retry as if nothing had happened", async () => {
    let failures = 1;
    const server = await listen(() =>
      failures-- > 0 ? { code: status.UNAVAILABLE, details: "later" } : { value: "here" },
    );
    assert.equal((await open(server.target).client.getThing({})).value, "here");
  });

  it("stops retrying while most calls fail", async () => {
    const server = await listen(() => ({ code: status.UNAVAILABLE, details: "later" }));
    const { client } = open(server.target, { limits: { retryDelayMs: 1, retryDelayMaxMs: 1 } });
    for (let call = 0; call < 10; call += 1) await assert.rejects(client.getThing({}), failed(Code.Unavailable));
    assert.ok(server.calls.length < 20, `${server.calls.length} attempts for 10 calls`);
  });

  it("keeps code, message, metadata and details of an error", async () => {
    const info = create(ErrorInfoSchema, { reason: "TOO_SMALL", domain: "test", metadata: { least: "3" } });
    const server = await listen(() => {
      const metadata = new Metadata();
      const details = {
        code: status.FAILED_PRECONDITION,
        message: "größer",
        details: [anyPack(ErrorInfoSchema, info)],
      };
      metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, create(StatusSchema, details))));
      metadata.set("x-hint", "grow");
      return { code: status.FAILED_PRECONDITION, details: "größer", metadata };
    });
    const { client } = open(server.target);
    for (const call of [() => client.createThing({}), () => collect(client.watchThing({}))]) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof ConnectError);
        assert.equal(error.code, Code.FailedPrecondition);
        assert.equal(error.rawMessage, "größer");
        assert.equal(error.metadata.get("x-hint"), "grow");
        assert.deepEqual(error.findDetails(ErrorInfoSchema), [info]);
        return true;
      });
    }
  });

  it("keeps code and message of an error with unreadable details", async () => {
    const server = await listen(() => {
      const metadata = new Metadata();
      metadata.set("grpc-status-details-bin", Buffer.from([0xff]));
      return { code: status.NOT_FOUND, details: "gone", metadata };
    });
    await assert.rejects(open(server.target).client.getThing({}), failed(Code.NotFound));
  });

  it("receives a stream in order, to its end, also when the reader is slow", async () => {
    const values = Array.from({ length: 200 }, (_, index) => `${index}`);
    const { client } = open((await listen(() => ({ values }))).target);
    const received: string[] = [];
    for await (const { value } of client.watchThing({})) {
      received.push(value);
      if (received.length % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(received, values);
  });

  it("receives what came before the error of a stream, then the error", async () => {
    const server = await listen(() => ({ values: ["a", "b"], code: status.ABORTED, details: "stop" }));
    const received: string[] = [];
    await assert.rejects(async () => {
      for await (const { value } of open(server.target).client.watchThing({})) received.push(value);
    }, failed(Code.Aborted));
    assert.deepEqual(received, ["a", "b"]);
  });

  it("cancels the call at the server when its signal or the current context's is aborted", async () => {
    const server = await listen(() => "silent");
    const { client } = open(server.target);
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => client.getThing({}, { signal }),
      (signal) => runInContext({ trace, signal }, () => client.getThing({})),
      (signal) => runInContext({ trace, signal }, () => client.getThing({}, { signal: new AbortController().signal })),
      (signal) => collect(client.watchThing({}, { signal })),
    ];
    for (const [index, call] of calls.entries()) {
      const controller = new AbortController();
      const answer = call(controller.signal);
      await Promise.all([
        assert.rejects(answer, failed(Code.Canceled)),
        until(() => server.calls.length === index + 1).then(() => controller.abort()),
      ]);
      await until(() => server.calls[index]?.cancelled() === true);
    }
  });

  it("does not call at all with an aborted signal", async () => {
    const server = await listen(() => ({ value: "" }));
    const { client } = open(server.target);
    await assert.rejects(client.getThing({}, { signal: AbortSignal.abort() }), failed(Code.Canceled));
    assert.equal(server.calls.length, 0);
  });

  it("cancels a running stream when its signal is aborted", async () => {
    const server = await listen(() => ({ values: ["a"], open: true }));
    const controller = new AbortController();
    const received: string[] = [];
    await assert.rejects(async () => {
      for await (const { value } of open(server.target).client.watchThing({}, { signal: controller.signal })) {
        received.push(value);
        controller.abort();
      }
    }, failed(Code.Canceled));
    assert.deepEqual(received, ["a"]);
    await until(() => server.calls[0]?.cancelled() === true);
  });

  it("keeps looking for a service that is down at short intervals, and finds it when it is back", async () => {
    const server = await listen(() => ({ value: "old" }));
    const { client } = open(server.target, { limits: { reconnectDelayMs: 50, reconnectDelayMaxMs: 100 } });
    assert.equal((await client.createThing({})).value, "old");
    server.stop();
    // With intervals that grow without a bound, as many attempts would take a minute.
    const closed = await listenAndRefuse(server.port);
    closers.push(() => void closed.stop());
    await until(() => closed.attempts() >= 12);
    await assert.rejects(client.createThing({}), failed(Code.Unavailable));
    await closed.stop();
    await listen(() => ({ value: "new" }), server.port);
    await until(async () => (await client.createThing({}).catch(() => undefined))?.value === "new");
  });

  it("waits no longer than a second between two attempts to connect, where nothing else is said", () => {
    assert.ok(channelLimits.reconnectDelayMaxMs <= 1_000);
  });

  it("leaves out an instance that fails while the others do not", async () => {
    const sound = await listen(() => ({ value: "sound" }));
    const sick = await listen(() => ({ code: status.INTERNAL, details: "sick" }));
    const { client } = open(`ipv4:${sound.target},${sick.target}`, {
      limits: { outlierIntervalMs: 200, outlierEjectionMs: 60_000 },
    });
    const allSound = async (): Promise<boolean> => {
      const calls = Array.from({ length: 50 }, () =>
        client.createThing({}).then(
          () => true,
          () => false,
        ),
      );
      return (await Promise.all(calls)).every((good) => good);
    };
    await until(async () => !(await allSound()));
    await until(allSound);
  });

  it("refuses messages beyond its bounds", async () => {
    const { client } = open((await listen(({ value }) => ({ value: value.repeat(10) }))).target, {
      limits: { sendMaxBytes: 1_000, receiveMaxBytes: 5_000 },
    });
    await assert.rejects(client.getThing({ value: "x".repeat(2_000) }), failed(Code.ResourceExhausted));
    await assert.rejects(client.getThing({ value: "x".repeat(900) }), failed(Code.ResourceExhausted));
    assert.equal((await client.getThing({ value: "x" })).value.length, 10);
  });

  it("answers a client stream with UNIMPLEMENTED", async () => {
    const { client } = open("127.0.0.1:1");
    await assert.rejects(client.sendThings((async function* () {})()), failed(Code.Unimplemented));
  });

  it("cancels calls under way when it is closed, and makes no further ones", async () => {
    const server = await listen(() => "silent");
    const transport = open(server.target);
    const answers = [transport.client.createThing({}), collect(transport.client.watchThing({}))];
    await Promise.all([
      ...answers.map((answer) => assert.rejects(answer, failed(Code.Canceled))),
      until(() => server.calls.length === 2).then(() => transport.close()),
    ]);
    await assert.rejects(transport.client.createThing({}), failed(Code.Unavailable));
  });

  it("asks for retries of exactly those methods whose repetition is harmless", () => {
    const { methodConfig } = serviceConfigOf([service]) as { methodConfig: { name: { method: string }[] }[] };
    assert.deepEqual(
      methodConfig.flatMap(({ name }) => name.map(({ method }) => method)),
      ["GetThing", "PutThing", "WatchThing"],
    );
  });
});

type Failure = { readonly code: status; readonly details: string; readonly metadata?: Metadata };
type Reaction =
  | "silent"
  | Failure
  | { readonly value: string; readonly trailer?: Metadata }
  | (Partial<Failure> & { readonly values: readonly string[]; readonly open?: boolean });
type ThingCall = ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>;
type Answer = (request: { readonly value: string; readonly call: ThingCall }) => Reaction;

interface ThingServer {
  readonly port: number;
  readonly target: string;
  readonly calls: { readonly metadata: Metadata; readonly deadlineTime: number; cancelled(): boolean }[];
  stop(): void;
}

async function startThingServer(answer: Answer, port: number): Promise<ThingServer> {
  const server = new Server();
  const calls: ThingServer["calls"] = [];
  const begin = (call: ThingCall): Reaction => {
    calls.push({
      metadata: call.metadata,
      deadlineTime: Number(call.getDeadline()),
      cancelled: () => call.cancelled,
    });
    // A StringValue is one length-delimited field; an empty one is no bytes at all.
    const value = call.request.length === 0 ? "" : call.request.subarray(call.request.length > 129 ? 3 : 2).toString();
    return answer({ value, call });
  };
  const reply = (value: string): Buffer =>
    Buffer.from(toBinary(StringValueSchema, create(StringValueSchema, { value })));
  const path = (name: string) => ({
    path: `/test.things.v1.ThingsService/${name}`,
    requestStream: false,
    responseStream: name === "WatchThing",
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  });
  const unary = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
    const reaction = begin(call);
    if (reaction === "silent") return;
    if ("value" in reaction) callback(null, reply(reaction.value), reaction.trailer);
    else if ("code" in reaction) callback(reaction);
  };
  const stream = (call: ServerWritableStream<Buffer, Buffer>): void => {
    const reaction = begin(call);
    if (reaction === "silent") return;
    if ("values" in reaction) for (const value of reaction.values) call.write(reply(value));
    if ("code" in reaction) call.emit("error", reaction);
    else if (!("open" in reaction)) call.end();
  };
  const methods = ["GetThing", "PutThing", "CreateThing", "WatchThing"];
  server.addService(Object.fromEntries(methods.map((name) => [name, path(name)])) as ServiceDefinition, {
    GetThing: unary,
    PutThing: unary,
    CreateThing: unary,
    WatchThing: stream,
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, value) =>
      error ? reject(error) : resolve(value),
    );
  });
  return { port: bound, target: `127.0.0.1:${bound}`, calls, stop: () => server.forceShutdown() };
}

async function listenAndRefuse(port: number): Promise<{ attempts(): number; stop(): Promise<void> }> {
  let attempts = 0;
  const server = createServer((socket) => {
    attempts += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { attempts: () => attempts, stop: () => new Promise((resolve) => server.close(() => resolve())) };
}

function failed(code: Code) {
  return (error: unknown): true => {
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(Code[error.code], Code[code], error.message);
    return true;
  };
}

async function collect(messages: AsyncIterable<{ value: string }>): Promise<string[]> {
  const values: string[] = [];
  for await (const { value } of messages) values.push(value);
  return values;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endTime = Date.now() + 5_000;
  while (Date.now() < endTime) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail("the condition did not come true");
}
