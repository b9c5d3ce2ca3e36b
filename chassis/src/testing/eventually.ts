import { setTimeout as delay } from "node:timers/promises";

const intervalMs = 5;
const defaultTimeoutMs = 8_000;

/** Waits until check returns something truthy and returns it; rejects, naming what was awaited, when it takes too long. */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  timeoutMs: number = defaultTimeoutMs,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(intervalMs);
  }
}
