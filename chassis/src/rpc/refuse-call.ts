import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import {
  ConnectError,
  type ContextValues,
  createContextValues,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { DomainError } from "../domain-error.ts";

/** The error of a request whose bytes are no such message. */
export function malformedRequest(schema: DescMessage, cause: unknown): DomainError {
  return new DomainError("invalid", "MALFORMED_REQUEST", `the request is not a ${schema.typeName}`, { cause });
}

/** A call that cannot be passed to its method, as for a request that cannot be decoded. */
export interface RefusedCall {
  readonly method: DescMethod;
  readonly requestMethod: string;
  readonly url: string;
  readonly header: Headers;
  readonly signal: AbortSignal;
  readonly values?: ContextValues;
  readonly failure: unknown;
}

/**
 * Sends a refused call through the interceptors all the same, so that it is logged, counted and answered like any other.
 * They see a stream that fails when it is read, which only a method would do. Resolves to the error to answer.
 */
export async function refuseCall(call: RefusedCall, interceptors: readonly Interceptor[]): Promise<ConnectError> {
  const read = async (request: UnaryRequest | StreamRequest): Promise<UnaryResponse> => {
    if (request.stream) for await (const _ of request.message);
    throw call.failure;
  };
  const chain = interceptors.reduceRight<Parameters<Interceptor>[0]>((next, interceptor) => interceptor(next), read);
  const request = {
    stream: true,
    message: { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(call.failure) }) },
    service: call.method.parent,
    method: call.method,
    requestMethod: call.requestMethod,
    url: call.url,
    signal: call.signal,
    header: call.header,
    contextValues: call.values ?? createContextValues(),
  };
  try {
    await chain(request as unknown as StreamRequest);
  } catch (error) {
    return ConnectError.from(error);
  }
  return ConnectError.from(call.failure);
}
