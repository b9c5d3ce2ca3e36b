import { type DescMethod, fromBinary, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { type Client as GrpcClient, Metadata, type ServiceError } from "@grpc/grpc-js";
import { BadRequestSchema, ErrorInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { StatusSchema } from "@quartet/proto/google/rpc/status_pb";
import { restCallOf } from "./rest-call.ts";

/** How a call was refused, whichever way it came; undefined fields were missing. */
export interface ReceivedRefusal {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly fields: readonly string[];
}

/** A refusal through REST also has a status of HTTP. */
export interface RestRefusal extends ReceivedRefusal {
  readonly status: number;
}

type Headers = Readonly<Record<string, string>>;

const callTimeoutMs = 15_000;

/** Calls through REST; undefined when the call succeeded. */
export async function refusalByRest(
  gateway: string,
  method: DescMethod,
  request: JsonObject,
  headers: Headers,
): Promise<RestRefusal | undefined> {
  const { verb, path, body } = restCallOf(method, request);
  return sendRest(gateway, verb, path, body === undefined ? undefined : JSON.stringify(body), headers);
}

/** Sends text as it is to a path of REST; undefined when the call succeeded. */
export async function sendRest(
  gateway: string,
  verb: string,
  path: string,
  body: string | undefined,
  headers: Headers,
): Promise<RestRefusal | undefined> {
  const response = await fetch(`${gateway}${path}`, {
    method: verb,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    body,
    signal: AbortSignal.timeout(callTimeoutMs),
  });
  const text = await response.text();
  if (response.ok) return undefined;
  const { code, message, details } = JSON.parse(text);
  const detail = (type: string) =>
    details.find((found: { "@type": string }) => found["@type"] === `type.googleapis.com/google.rpc.${type}`);
  const fields = detail("BadRequest")?.fieldViolations ?? [];
  return {
    status: response.status,
    code,
    message,
    reason: detail("ErrorInfo")?.reason,
    domain: detail("ErrorInfo")?.domain,
    fields: fields.map(({ field }: { field: string }) => field),
  };
}

/** Calls by gRPC; undefined when the call succeeded. Of a stream the first message or its end decides. */
export function refusalByGrpc(
  client: GrpcClient,
  method: DescMethod,
  request: JsonObject | Uint8Array,
  headers: Headers,
): Promise<ReceivedRefusal | undefined> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const bytes = request instanceof Uint8Array ? request : toBinary(method.input, fromJson(method.input, request));
  const path = `/${method.parent.typeName}/${method.name}`;
  const pass = (buffer: Buffer) => buffer;
  const options = { deadline: Date.now() + callTimeoutMs };
  return new Promise((resolve) => {
    if (method.methodKind === "unary") {
      client.makeUnaryRequest(path, pass, pass, Buffer.from(bytes), metadata, options, (error) =>
        resolve(error === null ? undefined : received(error)),
      );
      return;
    }
    const stream = client.makeServerStreamRequest(path, pass, pass, Buffer.from(bytes), metadata, options);
    stream.on("data", () => {
      resolve(undefined);
      stream.cancel();
    });
    stream.on("end", () => resolve(undefined));
    stream.on("error", (error: ServiceError) => resolve(received(error)));
  });
}

function received(error: ServiceError): ReceivedRefusal {
  const [details] = error.metadata.get("grpc-status-details-bin");
  const status = details instanceof Buffer ? fromBinary(StatusSchema, details) : undefined;
  const detail = (type: string) =>
    status?.details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${type}`)?.value;
  const info = detail("ErrorInfo");
  const badRequest = detail("BadRequest");
  const { reason, domain } = info === undefined ? {} : fromBinary(ErrorInfoSchema, info);
  const violations = badRequest === undefined ? [] : fromBinary(BadRequestSchema, badRequest).fieldViolations;
  return { code: error.code, message: error.details, reason, domain, fields: violations.map(({ field }) => field) };
}
