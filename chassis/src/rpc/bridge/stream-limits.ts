import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { turnCallsMin, turnMaxMs } from "../admission.ts";

/** Lets gateways have fewer calls under way on their connections while a service is slow. */
export interface StreamLimits {
  /** To be told of each single call, and whether it is let in. */
  count(stream: Pick<ServerHttp2Stream, "session">, headers: IncomingHttpHeaders, isLetIn: boolean): void;
}

/** A turn with fewer calls was long for another reason. */
const callsMin = 32;
const widenIntervalMs = 1_000;

/**
 * Creates the limits of a server whose connections may have `most` calls under way each. What a service refuses costs it an
 * eighth of a read and more, so three times the reads would leave it less than three quarters of what it can do. A gateway
 * has callers wait and refuses more of them at no cost to the service, when it knows how many calls may be under way. So when
 * a turn of the event loop takes longer than the admission allows, the gateways' connections get as many together as were
 * done in that time, 64 at least (RFC 9113, SETTINGS_MAX_CONCURRENT_STREAMS). Each second without such a turn doubles that.
 *
 * A gateway is who says so by a `via` header. Others would only have their calls wait in a queue of their own, without a bound.
 */
export function createStreamLimits(most: number): StreamLimits {
  const narrowed = new Map<ServerHttp2Session, number>();
  let turn = { startTime: 0, calls: 0, sessions: new Set<ServerHttp2Session>() };
  let longTime = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const allow = (session: ServerHttp2Session, streams: number) => {
    if (session.destroyed) {
      narrowed.delete(session);
      return;
    }
    // Node ends a connection that leaves ten of them unanswered.
    if (session.pendingSettingsAck || streams === (narrowed.get(session) ?? most)) return;
    if (streams < most) narrowed.set(session, streams);
    else narrowed.delete(session);
    session.settings({ maxConcurrentStreams: streams });
  };
  const widen = () => {
    if (performance.now() - longTime < widenIntervalMs) return;
    for (const [session, streams] of narrowed) allow(session, Math.min(2 * streams, most));
    if (narrowed.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  const end = () => {
    const { startTime, calls, sessions } = turn;
    turn = { startTime: 0, calls: 0, sessions: new Set() };
    const time = performance.now();
    const tookMs = time - startTime;
    if (calls < callsMin || tookMs <= turnMaxMs) return;
    longTime = time;
    const streams = Math.ceil(Math.max(turnCallsMin, (calls / tookMs) * turnMaxMs) / sessions.size);
    for (const session of sessions) allow(session, Math.min(streams, most));
    timer ??= setInterval(widen, widenIntervalMs).unref();
  };

  return {
    count({ session }, { via }, isLetIn) {
      if (via === undefined || session === undefined) return;
      if (turn.sessions.size === 0) {
        turn.startTime = performance.now();
        setImmediate(end);
      }
      turn.sessions.add(session as ServerHttp2Session);
      if (isLetIn) turn.calls += 1;
    },
  };
}
