import type { Logger } from "../log.ts";
import { type AmqpSession, openSession } from "./amqp-session.ts";

const retryDelayMinMs = 100;
const retryDelayMaxMs = 1_500;
/** Longest time that the declarations and subscriptions of a new connection may take before it is given up. */
export const setupTimeoutMs = 5_000;
// A session that ends sooner than this counts as one more failure, or a broken setup would be retried without pause.
const stableAfterMs = 5_000;

/** A connection that is opened again whenever it ends. */
export interface AmqpLink {
  /** Starts to connect, in the background and for ever. */
  start(): void;
  /** The session whose setup is complete; undefined while there is none. */
  readonly session: AmqpSession | undefined;
  /** Ends the session and stays disconnected. */
  stop(): Promise<void>;
}

/**
 * Keeps one connection to the broker. Every new session is passed to `prepare`, which may take `prepareTimeoutMs`, and
 * then to `setup`; only when that is through does the session count. A session that ends, for whatever cause, is replaced
 * after a jittered pause of at most 1.5 s.
 */
export function createAmqpLink(options: {
  url: () => string;
  name: string;
  prepare: (session: AmqpSession) => Promise<void>;
  prepareTimeoutMs: number;
  setup: (session: AmqpSession) => Promise<void>;
  onStateChange: () => void;
  log: Logger;
}): AmqpLink {
  const { log, name } = options;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let session: AmqpSession | undefined;
  let lastCause = "";

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const startTime = performance.now();
      const cause = await live().catch((error: unknown) => error);
      if (stopping.signal.aborted) return;
      failures = performance.now() - startTime > stableAfterMs ? 1 : failures + 1;
      report(cause);
      await pause(retryDelayMs(failures), stopping.signal);
    }
  }

  async function live(): Promise<Error> {
    const opened = await openSession({
      url: options.url(),
      connectionName: name,
      signal: stopping.signal,
      onBlockedChange: () => options.onStateChange(),
    });
    const abandon = () => opened.fail(new Error("stopped"));
    stopping.signal.addEventListener("abort", abandon);
    if (stopping.signal.aborted) abandon();
    try {
      await bounded(opened, "preparation", options.prepare, options.prepareTimeoutMs);
      await bounded(opened, "setup", options.setup, setupTimeoutMs);
    } catch (error) {
      opened.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      stopping.signal.removeEventListener("abort", abandon);
    }
    if (!opened.alive) return opened.ended;
    session = opened;
    lastCause = "";
    log.info({ connection: name }, "broker connected");
    options.onStateChange();
    const cause = await opened.ended;
    session = undefined;
    options.onStateChange();
    return cause;
  }

  function report(cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    // A broker that is away for an hour is one line, not thousands.
    log[message === lastCause ? "debug" : "warn"]({ connection: name, cause: message }, "broker not connected");
    lastCause = message;
  }

  return {
    start() {
      running ??= run();
    },
    get session() {
      return session;
    },
    async stop() {
      const last = session;
      stopping.abort();
      await last?.close();
      await running;
    },
  };
}

// A lost connection fails a step at once even while it waits for something else.
async function bounded(
  session: AmqpSession,
  name: string,
  step: (session: AmqpSession) => Promise<void>,
  timeoutMs: number,
): Promise<void> {
  const deadline = setTimeout(() => session.fail(new Error(`${name} took over ${timeoutMs} ms`)), timeoutMs);
  try {
    const cause = await Promise.race([step(session), session.ended]);
    if (cause !== undefined) throw cause;
  } finally {
    clearTimeout(deadline);
  }
}

/** Waits, or returns early when the signal is aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}

// Between half and the whole of a doubling delay: services that lost one broker do not come back in step.
function retryDelayMs(failures: number): number {
  const delayMs = Math.min(retryDelayMaxMs, retryDelayMinMs * 2 ** Math.min(failures - 1, 10));
  return delayMs * (0.5 + Math.random() / 2);
}
