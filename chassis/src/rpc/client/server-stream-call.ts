import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamRequest, type StreamResponse } from "@connectrpc/connect";
import type { StatusObject } from "@grpc/grpc-js";
import { methodPath } from "../policy.ts";
import { toHeaders, toMetadata } from "./metadata.ts";
import { receiveMessages } from "./received-messages.ts";
import type { CallSettings } from "./unary-call.ts";
import { asIs, decode, encode } from "./wire-message.ts";

/**
 * Makes one server-streaming call. Resolves with the response header;
 * messages and the final error follow in the response. onEnd learns the status, whether anyone reads or not.
 */
export async function callServerStream<I extends DescMessage, O extends DescMessage>(
  { client, underWay, deadline }: CallSettings,
  request: StreamRequest<I, O>,
  onEnd: (final: StatusObject) => void,
): Promise<StreamResponse<I, O>> {
  const { method, signal } = request;
  if (method.methodKind !== "server_streaming") {
    throw new ConnectError(`${methodPath(method)}: client streams are not supported`, Code.Unimplemented);
  }
  const first = await request.message[Symbol.asyncIterator]().next();
  if (first.done === true) throw new ConnectError(`${methodPath(method)}: no request message`, Code.InvalidArgument);
  const call = client.makeServerStreamRequest<Buffer, Buffer>(
    `/${methodPath(method)}`,
    asIs,
    asIs,
    encode(method.input, first.value),
    toMetadata(request.header),
    { deadline },
  );
  const received = receiveMessages(call);
  underWay.add(call);
  const cancel = (): void => call.cancel();
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  const trailer = new Headers();
  const ended = received.ended.then((final) => {
    underWay.delete(call);
    signal.removeEventListener("abort", cancel);
    for (const [name, value] of toHeaders(final.metadata)) trailer.append(name, value);
    onEnd(final);
  });
  const header = toHeaders(await received.header);
  return {
    stream: true,
    service: method.parent,
    method,
    header,
    message: decoded(method.output, received.messages, ended),
    trailer,
  };
}

async function* decoded<O extends DescMessage>(
  output: O,
  messages: AsyncIterable<Buffer>,
  ended: Promise<void>,
): AsyncGenerator<MessageShape<O>> {
  for await (const message of messages) yield decode(output, message);
  // Whoever reads to the end finds the trailer filled.
  await ended;
}
