import type { ConnectError } from "@connectrpc/connect";
import { type ClientReadableStream, type Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { statusError } from "./status-error.ts";

/** A server stream while it is received. */
export interface ReceivedMessages {
  /** The response header. Rejects when the call ends with an error before there is one. */
  readonly header: Promise<Metadata | undefined>;
  /** The messages in order, then the error of the call, if there is one. Reading slowly slows the server down. */
  readonly messages: AsyncIterableIterator<Buffer>;
  /** The status of the call, once it has ended; never rejects. */
  readonly ended: Promise<StatusObject>;
}

const unreadMax = 16;

/** Receives a server stream. Must be called in the turn that made the call, before anything can arrive. */
export function receiveMessages(call: ClientReadableStream<Buffer>): ReceivedMessages {
  const unread: Buffer[] = [];
  let final: StatusObject | undefined;
  let drained = false;
  let wake: (() => void) | undefined;
  const header = Promise.withResolvers<Metadata | undefined>();
  const ended = Promise.withResolvers<StatusObject>();
  // Nobody has to wait for it.
  header.promise.catch(() => {});

  const woken = (): void => {
    wake?.();
    wake = undefined;
  };
  call.on("metadata", header.resolve);
  call.on("status", (value: StatusObject) => {
    final = value;
    ended.resolve(value);
    const error = errorOf(value);
    if (error === undefined) header.resolve(undefined);
    else header.reject(error);
  });
  // The status says the same, and is there without an error too.
  call.on("error", () => {});
  call.on("data", (message: Buffer) => {
    unread.push(message);
    if (unread.length >= unreadMax) call.pause();
    woken();
  });
  call.on("end", () => {
    drained = true;
    // The status is emitted in the same turn in which the last message is pushed, so before this.
    void ended.promise.then(woken);
  });

  const next = async (): Promise<IteratorResult<Buffer>> => {
    for (;;) {
      const message = unread.shift();
      if (message !== undefined) {
        if (call.isPaused() && unread.length < unreadMax) call.resume();
        return { done: false, value: message };
      }
      if (drained && final !== undefined) {
        const error = errorOf(final);
        if (error !== undefined) throw error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  const messages: AsyncIterableIterator<Buffer> = {
    next,
    return: async () => {
      call.cancel();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => messages,
  };
  return { header: header.promise, messages, ended: ended.promise };
}

function errorOf(final: StatusObject): ConnectError | undefined {
  return final.code === status.OK ? undefined : statusError(final);
}
