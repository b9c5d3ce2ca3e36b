import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { createTestTokens, type TestTokens } from "@quartet/chassis/testing/test-tokens";
import type { GatewayOptions } from "../../tools/gateway/render.ts";
import { type FakeServices, startFakeServices } from "./fake-services.ts";
import { type Gateway, readContract, startGateway } from "./gateway-process.ts";

/** An HTTP answer, its body read. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

/** The end of a gRPC call: code 0 when it succeeded. */
export interface GrpcAnswer {
  readonly code: number;
  readonly message: string;
  readonly metadata: Metadata | undefined;
}

/** A real gateway before fake services, and callers of each kind. */
export interface GatewayFixture {
  readonly gateway: Gateway;
  readonly services: FakeServices;
  readonly tokens: TestTokens;
  /** Authorization of a customer or an administrator. */
  bearer(role?: "customer" | "admin"): Promise<Record<string, string>>;
  http(method: string, path: string, options?: HttpOptions): Promise<HttpAnswer>;
  /** An empty message to a method, by its path. */
  grpc(path: string, headers?: Readonly<Record<string, string>>, timeoutMs?: number): Promise<GrpcAnswer>;
  stop(): Promise<void>;
}

interface HttpOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when a string, else as JSON with the content type. */
  readonly body?: unknown;
}

/** Origin whose pages may call in these tests. */
export const allowedOrigin = "https://shop.example";

/** Starts both. `revise` changes the gateway's configuration further. */
export async function startFixture(
  options: GatewayOptions = {},
  revise?: (yaml: string) => string,
): Promise<GatewayFixture> {
  const tokens = createTestTokens();
  const services = await startFakeServices({ contract: await readContract(), keys: () => tokens.keySet.current() });
  const settings = { upstreams: services.upstreams, corsOrigins: [allowedOrigin], ...options };
  const gateway = await startGateway(settings, revise).catch(async (error: unknown) => {
    await services.stop();
    throw error;
  });
  const client = new Client(`127.0.0.1:${gateway.port}`, credentials.createInsecure(), { "grpc.enable_retries": 0 });
  return {
    gateway,
    services,
    tokens,
    bearer: async (role = "customer") => bearerOf(await tokens.sign({ userId: "user-1", role })),
    http: (method, path, request = {}) => callHttp(`${gateway.url}${path}`, method, request),
    grpc: (path, headers = {}, timeoutMs) => callGrpc(client, path, headers, timeoutMs),
    stop: async () => {
      client.close();
      await gateway.stop();
      await services.stop();
    },
  };
}

/** The header that carries a token. */
export function bearerOf(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function callHttp(url: string, method: string, request: HttpOptions): Promise<HttpAnswer> {
  const { body } = request;
  const isJson = body !== undefined && typeof body !== "string";
  const response = await fetch(url, {
    method,
    headers: { ...(isJson ? { "content-type": "application/json" } : {}), ...request.headers },
    ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function callGrpc(
  client: Client,
  path: string,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number | undefined,
): Promise<GrpcAnswer> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null) =>
      resolve({ code: error?.code ?? 0, message: error?.details ?? "", metadata: error?.metadata });
    const serialize = () => Buffer.alloc(0);
    client.makeUnaryRequest(path, serialize, (bytes: Buffer) => bytes, {}, metadata, options, answered);
  });
}
