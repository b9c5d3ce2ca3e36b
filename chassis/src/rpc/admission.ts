import { setTimeout as delay } from "node:timers/promises";
import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, Interceptor } from "@connectrpc/connect";
import { RateClass } from "@quartet/proto/shop/options/v1/options_pb";
import prom from "prom-client";
import { DomainError } from "../domain-error.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { type CallLimit, createCallLimit } from "./call-limit.ts";
import { toConnectError } from "./error-details.ts";
import { methodPath, policyOf } from "./policy.ts";

/**
 * Lets a bounded number of single calls be under way in a service, on all its wires together. So a service that is asked
 * for more than it can do goes on doing what it can, and nobody waits for long in vain.
 */
export interface Admission {
  /** Lets a call in, which then has to leave; or gives undefined, and it has to be answered with the refusal. */
  enter(method: DescMethod): Pick<CallLimit, "leave"> | undefined;
  /** Whether a call would not be let in now; it has to be answered with the refusal then. */
  refuses(method: DescMethod): boolean;
  /** What answers a call that was not let in: resource_exhausted SERVICE_OVERLOADED with a time to wait. */
  refusal(): ConnectError;
  /** Resolves when it is time to answer a call that has just been refused. */
  keepBack(): Promise<unknown>;
}

/** After how long a refused caller may try again. */
const retryDelayMs = 1_000;
/**
 * For how long a refusal is kept back at least. Callers who call again at once, whatever they are told, are as many calls a
 * second as fit between: without a pause sixty of them were a thousand, and reading these took the time of what could be done.
 */
const refusalDelayMs = 50;
/**
 * Refusals of this time are answered together. One timer, one write and one awakening of whoever reads them, the gateway for
 * one, cost a third less than as many of each as there are refusals.
 */
const refusalSlotMs = 25;
/** How often refusals are told to the log: one line for all of that time. */
const logIntervalMs = 1_000;
const refusedName = "rpc_server_calls_refused_total";
const underWayName = "rpc_server_calls_under_way";

/** How long a turn of the event loop may take before it lets in no more calls, and how many it lets in whatever they take. */
export const turnMaxMs = 100;
export const turnCallsMin = 64;

/**
 * Creates the admission of a service. Reads and writes have a limit each, which follows from how fast they end, `callsMax`
 * at most; passwords are checked behind a queue of their own, so what needs one is counted apart, up to `callsMax`.
 *
 * A refusal must cost next to nothing, or refusing would take the time of what can be done: a counter and one line a second
 * tell of them, and no line of their own.
 */
export function createAdmission(options: {
  readonly callsMax: number;
  readonly log: Pick<Logger, "warn">;
  readonly metrics: Metrics;
  readonly domain: string;
}): Admission {
  const { callsMax, log, metrics, domain } = options;
  const limits = {
    read: createCallLimit(callsMax),
    write: createCallLimit(callsMax),
    credential: createFixedLimit(callsMax),
  };
  let untold = 0;
  metrics.addGauge({
    name: underWayName,
    help: "Single calls under way.",
    value: () => limits.read.underWay + limits.write.underWay + limits.credential.underWay,
  });
  const refused = new prom.Counter({
    name: refusedName,
    help: "Calls refused because too many were under way, by method.",
    labelNames: ["method"],
    registers: [metrics.registry],
  });
  const tell = () => {
    log.warn({ refused: untold, calls_max: callsMax }, "calls refused: too many were under way");
    untold = 0;
  };
  const turn = watchTurns();
  const nextSlot = createSlots();
  const limitFor = (method: DescMethod) => limits[limitOf(method)];
  const isFull = (limit: Limit) => limit.underWay >= limit.most || (limit !== limits.credential && turn.isTooLong());
  const count = (method: DescMethod) => {
    refused.inc({ method: methodPath(method) });
    untold += 1;
    if (untold === 1) setTimeout(tell, logIntervalMs).unref();
  };

  return {
    enter(method) {
      const limit = limitFor(method);
      turn.count();
      if (!isFull(limit) && limit.enter()) return limit;
      count(method);
      return undefined;
    },
    refuses(method) {
      if (!isFull(limitFor(method))) return false;
      count(method);
      return true;
    },
    refusal: () => toConnectError(overloaded(), domain),
    // A call that a long turn has read so late has been kept back by that.
    keepBack: () => (turn.isTooLong() ? Promise.resolve() : nextSlot()),
  };
}

function limitOf(method: DescMethod): "read" | "write" | "credential" {
  const { rateClass } = policyOf(method);
  if (rateClass === RateClass.CREDENTIAL) return "credential";
  return rateClass === RateClass.READ ? "read" : "write";
}

type Limit = Pick<CallLimit, "underWay" | "most" | "enter" | "leave">;

function createFixedLimit(callsMax: number): Limit {
  let underWay = 0;
  return {
    most: callsMax,
    get underWay() {
      return underWay;
    },
    enter() {
      if (underWay >= callsMax) return false;
      underWay += 1;
      return true;
    },
    leave() {
      underWay -= 1;
    },
  };
}

/** Gives everybody who asks within a slot the same end of their wait. */
function createSlots(): () => Promise<unknown> {
  let slot = { endTime: Number.NEGATIVE_INFINITY, answered: Promise.resolve<unknown>(undefined) };
  return () => {
    const time = performance.now();
    if (time >= slot.endTime) slot = { endTime: time + refusalSlotMs, answered: delay(refusalSlotMs + refusalDelayMs) };
    return slot.answered;
  };
}

/**
 * Reads that wait for nothing are done one after another in a turn of the event loop, so they are never many under way:
 * the others wait unread in their connections. How long they do is seen by how long the turn takes.
 */
function watchTurns(): { count(): void; isTooLong(): boolean } {
  let calls = 0;
  let startTime = 0;
  const end = () => {
    calls = 0;
  };
  return {
    count() {
      calls += 1;
      if (calls > 1) return;
      startTime = performance.now();
      setImmediate(end);
    },
    isTooLong: () => calls > turnCallsMin && performance.now() - startTime > turnMaxMs,
  };
}

/**
 * Puts every call through the admission, but for streams: those last, and have limits of their own. It belongs before all
 * other interceptors, so that nothing is done for a call that is refused.
 */
export function createAdmissionInterceptor(admission: Admission): Interceptor {
  return (next) => async (request) => {
    if (request.stream) return next(request);
    const entered = admission.enter(request.method);
    if (entered === undefined) {
      await admission.keepBack();
      throw admission.refusal();
    }
    try {
      return await next(request);
    } finally {
      entered.leave();
    }
  };
}

function overloaded(): DomainError {
  return new DomainError("resource_exhausted", "SERVICE_OVERLOADED", "the service has as much to do as it can", {
    retryDelayMs,
  });
}
