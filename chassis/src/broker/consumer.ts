import { createHash } from "node:crypto";
import prom from "prom-client";
import { DomainError } from "../domain-error.ts";
import { consumedTypes, type EventCatalog, queueOf } from "../events/catalog.ts";
import { deadQueueOf } from "../events/topology.ts";
import { failPoint } from "../fail-point.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { type Inbox, noHandlerFor, type ParkedMessage } from "../storage/inbox.ts";
import type { LeaderLock } from "../storage/leader-lock.ts";
import type { IncomingMessage } from "../storage/messages.ts";
import { newTrace, parseTraceparent, type TraceContext, withSpan } from "../trace.ts";
import { runInContext } from "../work-context.ts";
import type { Broker, Subscription, UndecodableMessage } from "./broker.ts";
import { type MessageHandler, UndecodableEventError } from "./on-event.ts";
import { createTurnstile } from "./turnstile.ts";

const defaultPrefetch = 100;
const defaultAttemptsMax = 5;
const defaultStartsMax = 5;
const defaultRetryDelaysMs = [200, 1_000, 5_000, 15_000];
const defaultUnavailableDelayMs = 1_000;
const defaultHandlerTimeoutMs = 30_000;
const defaultDueIntervalMs = 200;
const dueBatchMax = 50;
const deadPrefetch = 10;

/** What the consumer needs. */
export interface ConsumerOptions {
  /** The service's name, as the contract names consumers. */
  readonly service: string;
  readonly broker: Broker;
  readonly inbox: Inbox;
  readonly catalog: EventCatalog;
  readonly handlers: Iterable<readonly [type: string, handler: MessageHandler]>;
  readonly leader: Pick<LeaderLock, "isLeader">;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** How many messages may be under way at once. */
  readonly prefetch?: number;
  /** After how many failures a message is parked. */
  readonly attemptsMax?: number;
  /** How often a message may have been started alone without an end (it kills the process) before it is parked. */
  readonly startsMax?: number;
  /** Pauses between attempts, and between starts without an end, under a minute each (see Inbox.due); the last one repeats. */
  readonly retryDelaysMs?: readonly number[];
  /** Pause before a message is tried again that needed something which was not available, or had too much to do. */
  readonly unavailableDelayMs?: number;
  /** After what time a handler counts as failed. */
  readonly handlerTimeoutMs?: number;
  /** How often to look for messages whose next attempt is due. */
  readonly dueIntervalMs?: number;
}

/** Hands the messages of a service's queue to its handlers. */
export interface Consumer {
  start(): void;
  /** Takes no more messages and waits for the handlers under way; their acknowledgements are sent. */
  stop(): Promise<void>;
  /** Messages that nobody tries any more, those parked last first. */
  parked(limit?: number): readonly ParkedMessage[];
  /** Tries a parked message again, with a clean record. False when there is none with this id. */
  replay(id: string): Promise<boolean>;
}

/**
 * Creates the consumer. First deliveries run side by side and share commits. A message that may have been started
 * before runs alone, after the start has been recorded: so one that kills the process is found out without blame for
 * its neighbours. What fails or kills waits in the inbox, where it holds up nobody, and is parked after its last attempt;
 * what is unknown or cannot be decoded is parked at once, and what a later version knows is taken up by it. Throws when the
 * handlers are not exactly those of the events the contract makes the service consume.
 */
export function createConsumer(options: ConsumerOptions): Consumer {
  const { service, broker, inbox, log, now } = options;
  const attemptsMax = options.attemptsMax ?? defaultAttemptsMax;
  const startsMax = options.startsMax ?? defaultStartsMax;
  const handlerTimeoutMs = options.handlerTimeoutMs ?? defaultHandlerTimeoutMs;
  const retryDelaysMs = options.retryDelaysMs ?? defaultRetryDelaysMs;
  const unavailableDelayMs = options.unavailableDelayMs ?? defaultUnavailableDelayMs;
  const handlers = checkedHandlers(options);
  const results = createConsumerMetrics(options);
  const turnstile = createTurnstile();
  let subscriptions: Subscription[] = [];
  let dueTimer: NodeJS.Timeout | undefined;
  let dueRun: Promise<void> | undefined;
  let stopping = false;
  let hasTakenUp = false;

  const delayAfter = (times: number) => retryDelaysMs[Math.min(times, retryDelaysMs.length) - 1] ?? 0;
  // Kills from outside come close together: the pauses keep them from looking like the fault of one message.
  const tryTime = (starts: number) => now() + delayAfter(starts);

  async function deliver(message: IncomingMessage): Promise<void> {
    failPoint("consumer.before-claim", message.type);
    if (!handlers.has(message.type)) {
      await park(message, noHandlerFor(message.type));
      return;
    }
    if (!message.redelivered) {
      await turnstile.shared(() => attempt(message));
      return;
    }
    await turnstile.alone(async () => {
      failPoint("consumer.before-begin", message.type);
      const beginning = await inbox.begin(message, tryTime);
      failPoint("consumer.after-begin", message.type);
      if (beginning === "begun") await attempt(message);
      else if (beginning === "known") results.inc({ type: message.type, result: "duplicate" });
      else {
        results.inc({ type: message.type, result: "failed" });
        log.warn({ message_id: message.id, type: message.type }, "handler never ended: message put aside");
      }
    });
  }

  function attempt(message: IncomingMessage): Promise<void> {
    const trace = parseTraceparent(message.traceparent, message.tracestate) ?? newTrace();
    return runInContext({ trace, work: message.type }, async () => {
      try {
        const result = await run(message, trace);
        results.inc({ type: message.type, result: result === "duplicate" ? "duplicate" : "done" });
      } catch (error) {
        await keepFailed(message, error);
      }
    });
  }

  async function run(message: IncomingMessage, trace: TraceContext): Promise<unknown> {
    const handler = handlers.get(message.type);
    if (handler === undefined) throw new UndecodableEventError(message.type, "no handler");
    const startTime = performance.now();
    const abort = new AbortController();
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      abort.abort();
      timeout.reject(new Error(`handler took over ${handlerTimeoutMs} ms`));
    }, handlerTimeoutMs);
    const context = { trace, work: message.type, deadlineTime: now() + handlerTimeoutMs, signal: abort.signal };
    const span = { name: `process ${message.type}`, kind: "consumer", parent: trace } as const;
    const work = async () => {
      const result = await handler(message);
      const duration_ms = Math.round((performance.now() - startTime) * 100) / 100;
      const { id: message_id, type, aggregate } = message;
      log.info(
        { message_id, type, aggregate, result: result === "duplicate" ? "duplicate" : "done", duration_ms },
        "message",
      );
      return result;
    };
    try {
      return await Promise.race([runInContext(context, () => withSpan(span, work)), timeout.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function keepFailed(message: IncomingMessage, error: unknown): Promise<void> {
    const cause = causeOf(error);
    if (error instanceof UndecodableEventError) {
      await park(message, cause, 1);
      return;
    }
    // What is only unavailable, or has too much to do, says nothing about the message, however long it lasts.
    const counts = !(error instanceof DomainError && ["unavailable", "resource_exhausted"].includes(error.kind));
    const attempts = inbox.attemptsOf(message.id) + (counts ? 1 : 0);
    if (counts && attempts >= attemptsMax) {
      await park(message, cause, 1);
      return;
    }
    const delayMs = counts ? delayAfter(attempts) : unavailableDelayMs;
    failPoint("consumer.before-postpone", message.type);
    await inbox.retryLater(message, { cause, counts }, now() + delayMs);
    failPoint("consumer.after-postpone", message.type);
    results.inc({ type: message.type, result: "failed" });
    log.warn({ err: error, message_id: message.id, type: message.type, attempts, delay_ms: delayMs }, "handler failed");
  }

  async function park(message: IncomingMessage, cause: string, attempts: 0 | 1 = 0): Promise<void> {
    failPoint("consumer.before-park", message.type);
    await inbox.park(message, cause, attempts);
    failPoint("consumer.after-park", message.type);
    results.inc({ type: message.type, result: "parked" });
    log.error({ message_id: message.id, type: message.type, aggregate: message.aggregate, cause }, "message parked");
  }

  /** Who led before may have been of a version that knew less. It has taken its last message when it ceases to lead. */
  async function takeUp(): Promise<void> {
    const { isLeader } = options.leader;
    if (isLeader && !hasTakenUp) {
      const count = await inbox.takeUp([...handlers.keys()]);
      if (count > 0) log.info({ messages: count }, "parked messages taken up: this version knows their types");
    }
    hasTakenUp = isLeader;
  }

  async function runDue(): Promise<void> {
    await takeUp();
    for (const { message } of inbox.due(now(), dueBatchMax)) {
      if (stopping || !options.leader.isLeader) return;
      await turnstile.alone(async () => {
        const starts = await inbox.beginDue(message.id, tryTime);
        failPoint("consumer.after-begin-due", message.type);
        if (starts === undefined) return;
        // A process of a later version, beside this one, had it wait.
        if (!handlers.has(message.type)) await park(message, noHandlerFor(message.type));
        else if (starts > startsMax) await park(message, `started ${startsMax} times and never finished`);
        else await attempt(message);
      });
    }
  }

  function scheduleDue(): void {
    if (stopping) return;
    dueTimer = setTimeout(() => {
      dueRun = runDue()
        .catch((error: unknown) => log.error({ err: error }, "waiting messages not tried"))
        .finally(scheduleDue);
    }, options.dueIntervalMs ?? defaultDueIntervalMs);
  }

  const onUndecodable = (message: UndecodableMessage) => park(toParkable(message, now()), message.cause);

  return {
    start() {
      if (subscriptions.length > 0 || handlers.size === 0) return;
      const queue = queueOf(service);
      subscriptions = [
        broker.subscribe({ queue, prefetch: options.prefetch ?? defaultPrefetch, deliver, onUndecodable }),
        // What the broker gave up on joins the parked messages: one list to look at, one way to replay.
        broker.subscribe({
          queue: deadQueueOf(queue),
          prefetch: deadPrefetch,
          deliver: (message) => park(message, "given up by the broker after too many deliveries"),
          onUndecodable,
        }),
      ];
      scheduleDue();
    },
    async stop() {
      stopping = true;
      clearTimeout(dueTimer);
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
      await dueRun;
    },
    parked: (limit) => inbox.parkedList(limit),
    replay: (id) => inbox.replay(id),
  };
}

function causeOf(error: unknown): string {
  if (error instanceof DomainError) return `${error.reason}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function checkedHandlers({ service, catalog, handlers }: ConsumerOptions): ReadonlyMap<string, MessageHandler> {
  const entries = [...handlers];
  const map = new Map(entries);
  const declared = consumedTypes(catalog, service);
  const missing = declared.filter((type) => !map.has(type));
  const surplus = [...map.keys()].filter((type) => !declared.includes(type));
  const problems = [
    ...missing.map((type) => `no handler for ${type}, which the contract makes it consume`),
    ...surplus.map((type) => `a handler for ${type}, which the contract does not make it consume`),
    ...(map.size < entries.length ? ["two handlers for one type"] : []),
  ];
  if (problems.length > 0) throw new Error(`${service}: ${problems.join("; ")}`);
  return map;
}

// Without an id of its own its content names it, so that a repeated delivery is parked once.
function toParkable(message: UndecodableMessage, time: number): IncomingMessage {
  const id = message.id ?? `sha256:${createHash("sha256").update(message.payload).digest("hex")}`;
  return { id, type: message.type, aggregate: "", version: 0, payload: message.payload, time, redelivered: false };
}

function createConsumerMetrics({ inbox, metrics }: ConsumerOptions) {
  const registers = [metrics.registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new prom.Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge("inbox_waiting_messages", "Messages whose handler failed and that will be tried again", () => {
    return inbox.counts().waiting;
  });
  gauge("inbox_parked_messages", "Messages that nobody tries any more; see the parked list", () => {
    return inbox.counts().parked;
  });
  return new prom.Counter({
    name: "inbox_messages_total",
    help: "Messages by type and what became of an attempt: done, duplicate, failed (tried again later) or parked",
    labelNames: ["type", "result"] as const,
    registers,
  });
}
