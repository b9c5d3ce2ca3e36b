import { newTrace } from "@quartet/chassis/trace";
import { currentContext } from "@quartet/chassis/work-context";
import type { Moment } from "./domain/order.ts";

/**
 * Creates the source of moments: the time, an id for the event a decision may emit, and the trace of the work under way.
 * Work outside of any trace gets one of its own.
 */
export function createMoments(deps: { now: () => number; newId: () => string }): () => Moment {
  return () => ({
    time: deps.now(),
    eventId: deps.newId(),
    traceId: (currentContext()?.trace ?? newTrace()).traceId,
  });
}
