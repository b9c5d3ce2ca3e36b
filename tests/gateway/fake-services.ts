import { createServer, type Server as HttpServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import {
  create,
  createFileRegistry,
  type DescMethod,
  type DescMethodServerStreaming,
  type FileRegistry,
  fromBinary,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, type ConnectRouter, type MethodImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { Upstream } from "../../tools/gateway/render.ts";
import { serviceNames } from "../../tools/stack/stack-config.ts";

/** A call as it arrived at a service. */
export interface ReceivedCall {
  readonly wire: "grpc" | "http";
  /** `/package.Service/Method`, and for HTTP the query too. */
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The message of a gRPC call. */
  readonly request?: JsonValue;
  /** How long the caller of a gRPC call waits yet; infinite without a deadline. */
  readonly timeoutMs?: number;
}

/** How a method answers. Undefined: never. */
export type Answer = (call: ReceivedCall) => Fields | Failure | undefined;

/**
 * How a method that streams answers: with one entry after another. What it throws, a Failure, ends the call. `signal` is
 * aborted when the caller is gone.
 */
export type Stream = (call: ReceivedCall, signal: AbortSignal) => AsyncIterable<Fields>;

/** Fields of an answer. */
export type Fields = Readonly<Record<string, unknown>>;

/** A gRPC status; over HTTP it is 503. */
export interface Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** The services as the gateway sees them: both ports, health and keys, and a record of what arrived. */
export interface FakeServices {
  readonly upstreams: Readonly<Record<string, Upstream>>;
  /** Calls since the last `reset`, oldest first. */
  readonly calls: ReceivedCall[];
  /** Lets a method, by its path, answer something else than an empty message. */
  answer(path: string, answer: Answer): void;
  /** Lets a method that streams, by its path, answer something else than one empty message. */
  stream(path: string, stream: Stream): void;
  setServing(service: string, serving: boolean): void;
  /** Whether the services know the key set; they do at first. */
  setKeysKnown(known: boolean): void;
  /** Ends one service at once, as a crash does. */
  kill(service: string): Promise<void>;
  /** Starts a killed service on the same ports. */
  restart(service: string): Promise<void>;
  /** Forgets calls and answers. */
  reset(): void;
  stop(): Promise<void>;
}

interface Running {
  readonly grpc: Server;
  readonly http: HttpServer;
  readonly health: HealthImplementation;
}

/** Starts them on free loopback ports. `keys` is the key set they serve. */
export async function startFakeServices(options: {
  contract: Uint8Array;
  keys: () => object | undefined;
}): Promise<FakeServices> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, options.contract));
  const calls: ReceivedCall[] = [];
  let areKeysKnown = true;
  const keys = () => (areKeysKnown ? options.keys() : undefined);
  const answers = new Map<string, Answer>();
  const streams = new Map<string, Stream>();
  const running = new Map<string, Running>();
  const resting = new Set<string>();
  const upstreams: Record<string, Upstream> = {};

  const start = async (service: string, ports: { grpcPort: number; httpPort: number }) => {
    const { server: grpc, health } = grpcServer(registry, service, { calls, answers, streams });
    const grpcPort = await bind(grpc, ports.grpcPort);
    const http = httpServer({ calls, answers, streams, registry, keys, isServing: () => !resting.has(service) });
    await new Promise<void>((resolve) => http.listen(ports.httpPort, "127.0.0.1", resolve));
    running.set(service, { grpc, http, health });
    upstreams[service] = { host: "127.0.0.1", grpcPort, httpPort: (http.address() as AddressInfo).port };
  };
  const kill = async (service: string) => {
    const { grpc, http } = running.get(service) ?? fail(service);
    running.delete(service);
    grpc.forceShutdown();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };

  for (const service of serviceNames) await start(service, { grpcPort: 0, httpPort: 0 });
  return {
    upstreams,
    calls,
    answer: (path, answer) => answers.set(path, answer),
    stream: (path, stream) => streams.set(path, stream),
    setServing: (service, serving) => {
      if (serving) resting.delete(service);
      else resting.add(service);
      running.get(service)?.health.setStatus("", serving ? "SERVING" : "NOT_SERVING");
    },
    setKeysKnown: (known) => {
      areKeysKnown = known;
    },
    kill,
    restart: (service) => start(service, upstreams[service] ?? fail(service)),
    reset: () => {
      calls.length = 0;
      answers.clear();
      streams.clear();
    },
    stop: async () => {
      await Promise.all([...running.keys()].map(kill));
    },
  };
}

function fail(service: string): never {
  throw new Error(`no service ${service}`);
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
}

interface CallRecord {
  readonly calls: ReceivedCall[];
  readonly answers: ReadonlyMap<string, Answer>;
  readonly streams: ReadonlyMap<string, Stream>;
}

const oneEmptyEntry: Stream = async function* () {
  yield {};
};

type ServerCall = Pick<ServerWritableStream<JsonValue, Fields>, "metadata" | "getDeadline" | "request">;

function grpcServer(registry: FileRegistry, service: string, record: CallRecord) {
  const server = new Server();
  const health = new HealthImplementation({ "": "SERVING" });
  health.addToServer(server);
  for (const file of registry.files) {
    if (file.proto.package !== `shop.${service.replace(/-svc$/, "").replaceAll("-", "_")}.v1`) continue;
    for (const description of file.services) {
      const definition: Record<string, ServiceDefinition[string]> = {};
      const implementation: UntypedServiceImplementation = {};
      for (const method of description.methods) {
        const path = `/${description.typeName}/${method.name}`;
        definition[method.name] = methodDefinition(path, method);
        const receive = (call: ServerCall): ReceivedCall => {
          const received: ReceivedCall = {
            wire: "grpc",
            path,
            headers: call.metadata.getMap(),
            request: call.request,
            timeoutMs: Number(call.getDeadline()) - Date.now(),
          };
          record.calls.push(received);
          return received;
        };
        const answerOnce = (call: ServerCall, callback: (error: Failure | null, value?: Fields) => void) => {
          const received = receive(call);
          const answer = (record.answers.get(path) ?? (() => ({})))(received);
          if (answer === undefined) return;
          if (isFailure(answer)) callback(answer);
          else callback(null, answer);
        };
        const answerEach = async (call: ServerWritableStream<JsonValue, Fields>) => {
          const gone = new AbortController();
          call.on("cancelled", () => gone.abort());
          try {
            const stream = record.streams.get(path) ?? oneEmptyEntry;
            for await (const entry of stream(receive(call), gone.signal)) call.write(entry);
            call.end();
          } catch (error) {
            call.emit("error", error);
          }
        };
        implementation[method.name] = method.methodKind === "server_streaming" ? answerEach : answerOnce;
      }
      server.addService(definition as ServiceDefinition, implementation);
    }
  }
  return { server, health };
}

function methodDefinition(path: string, method: DescMethod): ServiceDefinition[string] {
  return {
    path,
    requestStream: false,
    responseStream: method.methodKind === "server_streaming",
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => toJson(method.input, fromBinary(method.input, bytes)),
    responseSerialize: (value: Fields) => Buffer.from(toBinary(method.output, create(method.output, value))),
    responseDeserialize: () => ({}),
  } as ServiceDefinition[string];
}

function isFailure(answer: Fields | Failure): answer is Failure {
  return "code" in answer && "details" in answer;
}

// Not a Connect server, except for streams: what matters here is what arrives, and that the answer comes back.
function httpServer(
  options: CallRecord & { registry: FileRegistry; keys: () => object | undefined; isServing: () => boolean },
): HttpServer {
  const connect = connectNodeAdapter({ routes: (router) => addStreams(router, options) });
  return createServer((request, response) => {
    const path = request.url ?? "";
    const send = (status: number, body: object, headers: IncomingHttpHeaders = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    if (path === "/readyz") return void send(options.isServing() ? 200 : 503, { serving: options.isServing() });
    if (path === "/.well-known/jwks.json") {
      const keys = options.keys();
      return void (keys === undefined ? send(503, {}) : send(200, keys));
    }
    if (options.streams.has(path)) return void connect(request, response);
    request.resume().on("end", () => {
      const received: ReceivedCall = { wire: "http", path, headers: request.headers };
      options.calls.push(received);
      const answer = (options.answers.get(path.replace(/\?.*/, "")) ?? (() => ({})))(received);
      if (answer !== undefined) send(isFailure(answer) ? 503 : 200, answer);
    });
  });
}

function addStreams(
  router: ConnectRouter,
  { registry, calls, streams }: CallRecord & { registry: FileRegistry },
): void {
  for (const file of registry.files) {
    for (const service of file.services) {
      for (const method of service.methods) {
        if (method.methodKind !== "server_streaming") continue;
        const path = `/${service.typeName}/${method.name}`;
        const serve: MethodImpl<DescMethodServerStreaming> = async function* (message, context) {
          const headers = Object.fromEntries(context.requestHeader);
          const received: ReceivedCall = { wire: "http", path, headers, request: toJson(method.input, message) };
          calls.push(received);
          try {
            const stream = streams.get(path) ?? oneEmptyEntry;
            for await (const entry of stream(received, context.signal)) yield create(method.output, entry);
          } catch (error) {
            const { details, code } = error as Failure;
            throw new ConnectError(details, code);
          }
        };
        router.rpc(method as DescMethodServerStreaming, serve);
      }
    }
  }
}
