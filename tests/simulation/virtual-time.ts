import { syncBuiltinESMExports } from "node:module";
import timersPromises from "node:timers/promises";
import type { Task, World } from "./world.ts";

/** What a timer function gives back, as far as anybody uses it. */
interface VirtualTimer {
  task: Task;
  ref(): VirtualTimer;
  unref(): VirtualTimer;
}

type Callback = (...args: unknown[]) => unknown;

const immediateMaxMs = 0.4;
const delayMinMs = 1;

/**
 * Puts time, timers and chance of a world in the place of Node's, for all code of this process, until the returned
 * function is called. A timer belongs to the simulated process whose turn it is and goes with it. Code that has no turn
 * gets real timers, and the world is told: nothing that belongs to it may run outside of its turns.
 */
export function useVirtualTime(world: World): () => void {
  const random = world.random.fork("immediates");
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
    clearImmediate: globalThis.clearImmediate,
  };
  const realNow = Date.now;
  const realPerformanceNow = performance.now;
  const realRandom = Math.random;
  const { timeout: realTimeout, any: realAny } = AbortSignal;
  const realPromises = { setTimeout: timersPromises.setTimeout, setImmediate: timersPromises.setImmediate };

  const newTimer = (task: Task): VirtualTimer => {
    const timer: VirtualTimer = { task, ref: () => timer, unref: () => timer };
    return timer;
  };
  const setTimer = (callback: Callback, delayMs = delayMinMs, ...args: unknown[]): VirtualTimer =>
    newTimer(world.after(world.current, Math.max(delayMs, delayMinMs), "timer", () => callback(...args), "timer"));
  const setRepeatedTimer = (callback: Callback, delayMs = delayMinMs, ...args: unknown[]): VirtualTimer => {
    const owner = world.current;
    const timer = setTimer(function again() {
      timer.task = world.after(owner, Math.max(delayMs, delayMinMs), "timer", again, "timer");
      callback(...args);
    }, delayMs);
    return timer;
  };
  const setSoon = (callback: Callback, ...args: unknown[]): VirtualTimer => {
    const owner = world.current;
    // In a process the immediates keep their order; how fast it is compared with the others is open.
    const due = Math.max(world.time + random.between(0, immediateMaxMs), owner.immediatesUntil);
    owner.immediatesUntil = due;
    return newTimer(world.after(owner, due - world.time, "immediate", () => callback(...args)));
  };
  const clear = (timer: VirtualTimer | undefined | null): void => {
    if (timer?.task !== undefined) timer.task.isCancelled = true;
  };

  const inTurn = (virtual: unknown, realOne: unknown) =>
    ((...args: unknown[]) => {
      if (world.isRunning) return (virtual as Callback)(...args);
      world.violate(`a timer outside of any turn ${new Error().stack}`);
      return (realOne as Callback)(...args);
    }) as never;
  const clearEither = (realOne: (timer: never) => void) =>
    ((timer: VirtualTimer | undefined) =>
      timer?.task === undefined ? realOne(timer as never) : clear(timer)) as never;

  globalThis.setTimeout = inTurn(setTimer, real.setTimeout);
  globalThis.setInterval = inTurn(setRepeatedTimer, real.setInterval);
  globalThis.setImmediate = inTurn(setSoon, real.setImmediate);
  globalThis.clearTimeout = clearEither(real.clearTimeout);
  globalThis.clearInterval = clearEither(real.clearInterval);
  globalThis.clearImmediate = clearEither(real.clearImmediate);
  Date.now = () => world.now();
  performance.now = () => world.time;
  Math.random = world.random.fork("Math.random").next;
  AbortSignal.timeout = (delayMs) => {
    const controller = new AbortController();
    setTimer(() => controller.abort(new DOMException("timed out", "TimeoutError")), delayMs);
    return controller.signal;
  };
  // Node keeps a signal made of others until one of them is aborted, which in a world that has ended never comes.
  AbortSignal.any = (signals) => {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
    }
    return controller.signal;
  };
  timersPromises.setTimeout = inTurn(
    (delayMs: number, value: unknown, options?: { signal?: AbortSignal }) => sleep(setTimer, delayMs, value, options),
    realPromises.setTimeout,
  );
  timersPromises.setImmediate = inTurn(
    (value: unknown) => new Promise((resolve) => setSoon(() => resolve(value))),
    realPromises.setImmediate,
  );
  syncBuiltinESMExports();

  return () => {
    Object.assign(globalThis, real);
    Date.now = realNow;
    performance.now = realPerformanceNow;
    Math.random = realRandom;
    AbortSignal.timeout = realTimeout;
    AbortSignal.any = realAny;
    Object.assign(timersPromises, realPromises);
    syncBuiltinESMExports();
  };
}

function sleep(
  setTimer: (callback: Callback, delayMs: number) => VirtualTimer,
  delayMs: number,
  value: unknown,
  { signal }: { signal?: AbortSignal } = {},
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const timer = setTimer(() => resolve(value), delayMs);
  const stop = () => {
    timer.task.isCancelled = true;
    reject(signal?.reason);
  };
  if (signal?.aborted === true) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return promise;
}
