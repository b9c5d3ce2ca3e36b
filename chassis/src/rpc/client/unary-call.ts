import type { DescMessage } from "@bufbuild/protobuf";
import type { UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import { type Client, type Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { methodPath } from "../policy.ts";
import { toHeaders, toMetadata } from "./metadata.ts";
import { statusError } from "./status-error.ts";
import { asIs, decode, encode } from "./wire-message.ts";

/** The calls of a channel that have not ended. */
export type CallsUnderWay = Set<{ cancel(): void }>;

/** What a call runs on: the channel, where it is listed while it runs, and its deadline in ms since epoch. */
export interface CallSettings {
  readonly client: Client;
  readonly underWay: CallsUnderWay;
  readonly deadline: number;
}

/** Makes one unary call. Rejects with the ConnectError of its status. */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  { client, underWay, deadline }: CallSettings,
  request: UnaryRequest<I, O>,
): Promise<UnaryResponse<I, O>> {
  const { method, signal } = request;
  const message = encode(method.input, request.message);
  return new Promise((resolve, reject) => {
    let header: Metadata | undefined;
    let answer: Buffer | undefined;
    const call = client.makeUnaryRequest<Buffer, Buffer>(
      `/${methodPath(method)}`,
      asIs,
      asIs,
      message,
      toMetadata(request.header),
      { deadline },
      (_error, value) => {
        answer = value;
      },
    );
    underWay.add(call);
    const cancel = (): void => call.cancel();
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    call.on("metadata", (metadata: Metadata) => {
      header = metadata;
    });
    // Comes after the callback, and unlike it brings the trailer of a success.
    call.on("status", (final: StatusObject) => {
      underWay.delete(call);
      signal.removeEventListener("abort", cancel);
      if (final.code !== status.OK || answer === undefined) return reject(statusError(final));
      try {
        resolve({
          stream: false,
          service: method.parent,
          method,
          header: toHeaders(header),
          message: decode(method.output, answer),
          trailer: toHeaders(final.metadata),
        });
      } catch (error) {
        reject(error);
      }
    });
  });
}
