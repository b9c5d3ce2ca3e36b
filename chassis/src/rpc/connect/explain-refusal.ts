import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import {
  createAsyncIterable,
  readAllBytes,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { codeFromString, codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError, headerStatusDetailsBin, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { hasPolicy } from "../policy.ts";
import { malformedRequest, refuseCall } from "../refuse-call.ts";

const errorBytesMax = 1024 * 1024;

/**
 * Connect answers a request that it cannot read before any interceptor sees it, and without ErrorInfo. An answer like
 * that is replaced by what the interceptors make of it, for single Connect calls and for gRPC; others pass as they are.
 */
export async function explainRefusal(
  answer: UniversalServerResponse,
  request: UniversalServerRequest,
  handler: UniversalHandler,
  interceptors: readonly Interceptor[],
): Promise<UniversalServerResponse> {
  if (!hasPolicy(handler.method)) return answer;
  const explain = (failure: ConnectError): Promise<ConnectError> => {
    const { method: requestMethod, url, header, signal } = request;
    return refuseCall(
      { method: handler.method, requestMethod, url, header, signal, failure: blameRequest(failure, request, handler) },
      interceptors,
    );
  };
  if (answer.trailer !== undefined && answer.body !== undefined) {
    return { ...answer, body: explainTrailer(answer.body, answer.trailer, explain) };
  }
  if (answer.status < 400 || answer.body === undefined) return answer;
  if (answer.header?.get("content-type") !== "application/json" || answer.header.has("content-encoding")) return answer;

  const body = await readAllBytes(answer.body, errorBytesMax);
  const refused = parseRefusal(body);
  if (refused === undefined) return { ...answer, body: createAsyncIterable([body]) };
  const error = await explain(refused);
  const explained = errorToJsonBytes(error, undefined);
  answer.header.set("content-length", String(explained.byteLength));
  return { ...answer, status: codeToHttpStatus(error.code), body: createAsyncIterable([explained]) };
}

async function* explainTrailer(
  body: AsyncIterable<Uint8Array>,
  trailer: Headers,
  explain: (failure: ConnectError) => Promise<ConnectError>,
): AsyncGenerator<Uint8Array> {
  yield* body;
  if (trailer.has(headerStatusDetailsBin)) return;
  const error = findTrailerError(trailer);
  if (error !== undefined) setTrailerStatus(trailer, await explain(new ConnectError(error.rawMessage, error.code)));
}

// Connect takes bytes that are no such message for a defect of its own, and a query that is no base64. It repeats the JSON
// that it cannot read, which may be a secret: what was expected, and where, is enough.
function blameRequest(failure: ConnectError, request: UniversalServerRequest, { method }: UniversalHandler): Error {
  const { code, rawMessage } = failure;
  const isNoBase64 = request.method === "GET" && rawMessage === "internal error";
  const isUnread = rawMessage.startsWith("parse binary") || isNoBase64;
  if (code === Code.Internal && isUnread) return malformedRequest(method.input, failure);
  const [, where, expected] = unreadableJson.exec(rawMessage) ?? [];
  if (where === undefined) return failure;
  return new ConnectError(`${where} from JSON${expected === undefined ? "" : `: ${expected}`}`, code);
}

const unreadableJson = /^(cannot decode (?:message|field) \S+) from JSON(?:: (expected [^,]*),)?/;

/** The error in a Connect error body, when the interceptors have not seen it: they always add details. */
function parseRefusal(body: Uint8Array): ConnectError | undefined {
  const json: unknown = JSON.parse(new TextDecoder().decode(body));
  if (typeof json !== "object" || json === null || "details" in json) return undefined;
  const { code, message } = json as { code?: unknown; message?: unknown };
  const known = typeof code === "string" ? codeFromString(code as never) : undefined;
  return new ConnectError(typeof message === "string" ? message : "", known ?? Code.Unknown);
}
