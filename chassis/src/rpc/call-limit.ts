/** A number of calls that may be under way, which follows from how fast they end. */
export interface CallLimit {
  /** How many are under way. */
  readonly underWay: number;
  /** How many may be. */
  readonly most: number;
  /** Lets a call in, which has to leave, or not. */
  enter(): boolean;
  leave(): void;
}

/** So many are let in whatever happened before: they are done in no time, or wait for something else. */
const callsMin = 16;
/** With so many under way there is more to do than can be done at a time. */
const manyCalls = 8;
/** Fewer for longer than this is a pause, in which there was too little to do. */
const pauseMs = 50;
/** For how long a call may have to wait for those before it. */
const waitMaxMs = 500;
/** How often the pace is measured, and how much the newest measurement counts. */
const measureMs = 100;
const newestShare = 0.3;
/**
 * How fast a process is that has just started says nothing about how fast it will be. Those who waited for it come all at
 * once, and were refused for it.
 */
const warmUpMs = 5_000;
/** What was learnt before a longer pause says nothing. */
const memoryMs = 5_000;

/**
 * Creates a limit that lets in what can be done within half a second: as many calls as end in that time, but 16 at least
 * and `callsMax` at most. The pace is measured only while there is always more to do, so that a quiet time does not count
 * as a slow one; with nothing measured lately, and in the first five seconds, the limit is `callsMax`. `now` is a clock that
 * never goes back, ms.
 */
export function createCallLimit(callsMax: number, now: () => number = performance.now.bind(performance)): CallLimit {
  const least = Math.min(callsMin, callsMax);
  const warmTime = now() + warmUpMs;
  let underWay = 0;
  let most = callsMax;
  let pace: number | undefined;
  let busyTime = Number.NEGATIVE_INFINITY;
  let measured = { since: 0, ended: 0 };

  const becomeBusy = () => {
    const time = now();
    const pausedMs = time - busyTime;
    if (pausedMs > memoryMs) [pace, most] = [undefined, callsMax];
    if (pausedMs > pauseMs) measured = { since: time, ended: 0 };
    busyTime = time;
  };
  const measure = () => {
    busyTime = now();
    if (busyTime < warmTime) {
      measured = { since: busyTime, ended: 0 };
      return;
    }
    const elapsedMs = busyTime - measured.since;
    if (elapsedMs < measureMs) return;
    const newest = measured.ended / elapsedMs;
    pace = pace === undefined ? newest : pace + newestShare * (newest - pace);
    most = Math.min(Math.max(Math.round(pace * waitMaxMs), least), callsMax);
    measured = { since: busyTime, ended: 0 };
  };

  return {
    get underWay() {
      return underWay;
    },
    get most() {
      return most;
    },
    enter() {
      if (underWay >= most) return false;
      underWay += 1;
      if (underWay === manyCalls) becomeBusy();
      return true;
    },
    leave() {
      measured.ended += 1;
      if (underWay >= manyCalls) measure();
      underWay -= 1;
    },
  };
}
