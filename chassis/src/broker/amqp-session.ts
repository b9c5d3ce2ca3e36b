import amqp, { type Channel, type ConfirmChannel, type Connection } from "amqplib/callback_api";
import { BrokerUnavailableError } from "./broker.ts";

const connectTimeoutMs = 5_000;
const closeTimeoutMs = 1_000;
// Below 5 s heartbeats report connections as dead that are not; a dead one is noticed within two of them.
const heartbeatS = 5;
const channelClosed = "channel closed";

/** One connection from its opening to its end. Whatever happens to it or to one of its channels ends all of it. */
export interface AmqpSession {
  /** False from the first sign of an end on: nothing may be sent any more, late acknowledgements least of all. */
  readonly alive: boolean;
  /** Whether the broker asks publishers to pause (it is short of memory or disk). */
  readonly blocked: boolean;
  /** Settles with the cause when the session has ended. */
  readonly ended: Promise<Error>;
  /** Aborted when the session has ended. */
  readonly signal: AbortSignal;
  openChannel(): Promise<Channel>;
  openConfirmChannel(): Promise<ConfirmChannel>;
  /** Runs a work on a channel of its own, whose failure rejects and leaves the session alone. */
  tryOut<T>(work: (channel: Channel) => Promise<T>): Promise<T>;
  /** Closes one channel politely and leaves the session alone. */
  closeChannel(channel: Channel): Promise<void>;
  /** Ends the session now, without a farewell. */
  fail(cause: Error): void;
  /** Ends the session politely, within a bound. */
  close(): Promise<void>;
}

/**
 * Connects to the broker. Rejects when that takes longer than its bound. All listeners are attached in the callbacks
 * that hand out connection and channels, before any other turn of the event loop: an error between the two would
 * otherwise end the process.
 */
export function openSession(options: {
  url: string;
  connectionName: string;
  /** Gives up when aborted. */
  signal: AbortSignal;
  onBlockedChange: () => void;
}): Promise<AmqpSession> {
  return new Promise((resolve, reject) => {
    const socketAbort = new AbortController();
    const giveUp = (cause: string) => {
      reject(new BrokerUnavailableError(cause));
      socketAbort.abort();
    };
    const onAbort = () => giveUp("stopped");
    const deadline = setTimeout(() => giveUp(`no connection within ${connectTimeoutMs} ms`), connectTimeoutMs);
    options.signal.addEventListener("abort", onAbort);
    const socketOptions = {
      noDelay: true,
      keepAlive: true,
      signal: socketAbort.signal,
      clientProperties: { connection_name: options.connectionName },
    };
    amqp.connect(withHeartbeat(options.url), socketOptions, (error: Error | null, connection: Connection) => {
      clearTimeout(deadline);
      options.signal.removeEventListener("abort", onAbort);
      if (error !== null && error !== undefined) {
        reject(new BrokerUnavailableError(explain(error), { cause: error }));
        return;
      }
      const session = createSession(connection, () => socketAbort.abort(), options.onBlockedChange);
      if (socketAbort.signal.aborted) session.fail(new Error("connected too late"));
      resolve(session);
    });
  });
}

// The library names the frames. This one answers the name of the virtual host, which comes after the password.
function explain(error: Error): string {
  // A host with several addresses has as many reasons, and the sum of them no text of its own.
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join("; ");
  const { message } = error;
  const isRefused = /Expected ConnectionOpenOk; got <ConnectionClose/.test(message);
  return isRefused ? "the broker has no such virtual host, or the user has no access to it" : message;
}

/** Turns a call with a callback as amqplib takes it into a promise. */
export function ask<T>(call: (callback: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error === null || error === undefined) resolve(value);
      else reject(error);
    });
  });
}

function createSession(connection: Connection, destroySocket: () => void, onBlockedChange: () => void): AmqpSession {
  const life = new AbortController();
  const { promise: ended, resolve: end } = Promise.withResolvers<Error>();
  const leaving = new WeakSet<Channel>();
  let blocked = false;
  let lastCause: Error | undefined;

  const finish = (cause: Error) => {
    // A connection that the broker ends may end its channels first, and then say why.
    if (lastCause === undefined || lastCause.message === channelClosed) lastCause = cause;
    if (life.signal.aborted) return;
    life.abort(cause);
    setImmediate(() => end(lastCause ?? cause));
  };
  const fail = (cause: Error) => {
    finish(cause);
    destroySocket();
  };
  const setBlocked = (value: boolean) => {
    blocked = value;
    onBlockedChange();
  };
  connection.on("error", fail);
  connection.on("close", (error?: Error) => fail(error ?? new Error("connection closed")));
  connection.on("blocked", () => setBlocked(true));
  connection.on("unblocked", () => setBlocked(false));

  const open = <C extends Channel>(create: (callback: (error: Error | null, channel: C) => void) => C): Promise<C> =>
    ask((callback) => {
      const channel = create(callback);
      channel.on("error", fail);
      channel.on("close", () => {
        if (!leaving.has(channel)) fail(new Error(channelClosed));
      });
    });

  const closeChannel = (channel: Channel) => {
    leaving.add(channel);
    return ask<void>((callback) => channel.close((error) => callback(error, undefined)));
  };

  // Not every answer that is awaited when a connection ends is given up by the library.
  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => {
    const over = Promise.withResolvers<never>();
    const onEnd = () => over.reject(life.signal.reason);
    if (life.signal.aborted) throw life.signal.reason;
    life.signal.addEventListener("abort", onEnd);
    try {
      return await Promise.race([work(), over.promise]);
    } finally {
      life.signal.removeEventListener("abort", onEnd);
    }
  };

  return {
    get alive() {
      return !life.signal.aborted;
    },
    get blocked() {
      return blocked;
    },
    ended,
    signal: life.signal,
    openChannel: () => open((callback) => connection.createChannel(callback)),
    openConfirmChannel: () => open((callback) => connection.createConfirmChannel(callback)),
    tryOut(work) {
      return whileAlive(async () => {
        const failed = Promise.withResolvers<never>();
        failed.promise.catch(() => {});
        let isOpen = true;
        const channel = await ask<Channel>((callback) => {
          const opening = connection.createChannel(callback);
          opening.on("error", failed.reject);
          opening.on("close", () => {
            isOpen = false;
          });
        });
        try {
          return await Promise.race([work(channel), failed.promise]);
        } finally {
          if (isOpen && !life.signal.aborted) await closeChannel(channel).catch(() => {});
        }
      });
    },
    closeChannel,
    fail,
    async close() {
      if (life.signal.aborted) return;
      const timer = setTimeout(destroySocket, closeTimeoutMs);
      // The farewell's answer may never come, so the end of the socket counts as well.
      await Promise.race([
        ask<void>((callback) => connection.close((error) => callback(error, undefined))),
        ended,
      ]).catch(() => {});
      clearTimeout(timer);
      fail(new Error("closed by us"));
    },
  };
}

function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has("heartbeat")) parsed.searchParams.set("heartbeat", String(heartbeatS));
  return parsed.href;
}
