import { type EventEmitter, once } from "node:events";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createServiceImplSpec, type Interceptor, type MethodImplSpec } from "@connectrpc/connect";
import { invokeUnaryImplementation, transformInvokeImplementation } from "@connectrpc/connect/protocol";
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  Server,
  ServiceDefinition,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import type { Admission } from "../admission.ts";
import type { ServiceRegistration } from "../implement.ts";
import { refuseCall } from "../refuse-call.ts";
import { type CallContext, decodeRequest, encodeResponse, startCall } from "./call.ts";
import { isEmpty, metadataFromHeaders } from "./metadata.ts";
import { statusOfError } from "./status.ts";

const drainWaitMaxMs = 30_000;

/** What the bridge adds to the registrations. */
export interface BridgeOptions {
  readonly interceptors: readonly Interceptor[];
  /** Calls that it refuses reach nothing, not even the interceptors. */
  readonly admission: Admission;
  /** Larger responses become RESOURCE_EXHAUSTED. */
  readonly sendBytesMax: number;
}

/**
 * Serves a Connect implementation by grpc-js: unary methods and streams of responses, with the interceptors around them.
 * Messages cross as bytes, so that decoding errors get the same treatment as all others. Throws for a method that takes
 * a stream of requests.
 */
export function addToServer(server: Server, registration: ServiceRegistration, options: BridgeOptions): void {
  const { service, implementation } = registration;
  const definition: Record<string, ServiceDefinition[string]> = {};
  const handlers: Record<string, UntypedHandleCall> = {};
  for (const [name, spec] of Object.entries(createServiceImplSpec(service, implementation).methods)) {
    definition[name] = {
      path: `/${service.typeName}/${spec.method.name}`,
      requestStream: false,
      responseStream: spec.kind === "server_streaming",
      requestDeserialize: (bytes: Buffer) => bytes,
      requestSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
    };
    handlers[name] = handlerOf(spec, options) as UntypedHandleCall;
  }
  server.addService(definition, handlers);
}

function handlerOf(spec: MethodImplSpec, options: BridgeOptions) {
  switch (spec.kind) {
    case "unary":
      return unaryHandler(spec, options);
    case "server_streaming":
      return streamHandler(spec, options);
    default:
      throw new Error(`${spec.method.parent.typeName}/${spec.method.name} takes a stream of requests`);
  }
}

function unaryHandler(
  spec: MethodImplSpec & { kind: "unary" },
  { interceptors, admission, sendBytesMax }: BridgeOptions,
): handleUnaryCall<Buffer, Buffer> {
  const chain = [...interceptors];
  // Made once, and sent before anything is made of the call: that is a third of what it would cost at the end of a chain.
  const refusal = statusOfError(admission.refusal());
  return async (call, callback) => {
    const entered = admission.enter(spec.method);
    if (entered === undefined) {
      await admission.keepBack();
      callback(refusal);
      return;
    }
    const { context, end } = startCall(call, spec);
    try {
      const input = await decode(call.request, spec, context, interceptors);
      const output = await invokeUnaryImplementation(spec, context, input, chain);
      const bytes = encodeResponse(spec.method.output, output, sendBytesMax);
      const header = isEmpty(context.responseHeader) ? undefined : metadataFromHeaders(context.responseHeader);
      const trailer = isEmpty(context.responseTrailer) ? undefined : metadataFromHeaders(context.responseTrailer);
      end();
      if (header !== undefined) call.sendMetadata(header);
      callback(null, bytes, trailer);
    } catch (error) {
      end();
      callback(statusOfError(error, context));
    } finally {
      entered.leave();
    }
  };
}

function streamHandler(
  spec: MethodImplSpec & { kind: "server_streaming" },
  { interceptors, sendBytesMax }: BridgeOptions,
): handleServerStreamingCall<Buffer, Buffer> {
  const chain = [...interceptors];
  return async (call) => {
    const { context, end } = startCall(call, spec);
    const sendHeader = (): void => {
      if (!isEmpty(context.responseHeader)) call.sendMetadata(metadataFromHeaders(context.responseHeader));
    };
    let started = false;
    try {
      const input = await decode(call.request, spec, context, interceptors);
      for await (const output of transformInvokeImplementation(spec, context, chain)(single(input))) {
        const bytes = encodeResponse(spec.method.output, output, sendBytesMax);
        if (!started) sendHeader();
        started = true;
        if (!call.write(bytes)) await drained(call, context.signal);
      }
      if (!started) sendHeader();
      const trailer: Metadata = metadataFromHeaders(context.responseTrailer);
      end();
      call.end(trailer);
    } catch (error) {
      end();
      // Headers that went out already are not repeated in the trailers.
      if (started) for (const name of [...context.responseHeader.keys()]) context.responseHeader.delete(name);
      if (!call.cancelled) call.emit("error", statusOfError(error, context));
    }
  };
}

async function decode(
  bytes: Buffer,
  { method }: MethodImplSpec,
  context: CallContext,
  interceptors: readonly Interceptor[],
): Promise<Message> {
  try {
    return decodeRequest(method.input, bytes);
  } catch (failure) {
    const { requestMethod, url, requestHeader: header, signal, values } = context;
    throw await refuseCall({ method, requestMethod, url, header, signal, values, failure }, interceptors);
  }
}

async function* single<T>(value: T): AsyncGenerator<T> {
  yield value;
}

// A reader that is slower than the method holds the method up here, until it catches up, has gone, or takes too long.
async function drained(call: EventEmitter, callSignal: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([callSignal, AbortSignal.timeout(drainWaitMaxMs)]);
  try {
    await once(call, "drain", { signal });
  } catch {
    throw new ConnectError("the caller does not read", Code.Canceled);
  }
}
