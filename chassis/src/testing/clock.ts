/** A clock that stands still until it is moved. Times are milliseconds since the epoch, UTC. */
export interface FixedClock {
  now(): number;
  advance(milliseconds: number): void;
}

/** Creates a clock that stands at `startMs`, by default the first of January 2026. */
export function fixedClock(startMs: number = Date.UTC(2026, 0, 1)): FixedClock {
  let time = startMs;
  return {
    now: () => time,
    advance: (milliseconds) => {
      time += milliseconds;
    },
  };
}

/** Creates a source of UUIDs that counts: 00000000-0000-7000-8000-000000000001, …2, … */
export function sequentialIds(): () => string {
  let count = 0;
  return () => `00000000-0000-7000-8000-${String(++count).padStart(12, "0")}`;
}
