/** Lets works run side by side, or one alone, in the order in which they came. */
export interface Turnstile {
  /** Runs work beside others that are shared. */
  shared<T>(work: () => Promise<T>): Promise<T>;
  /** Runs work while nothing else runs. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

interface Waiter {
  readonly alone: boolean;
  readonly start: () => void;
}

/** Creates a turnstile nobody has passed. A shared work starts in the caller's turn when nothing stands in its way. */
export function createTurnstile(): Turnstile {
  const waiting: Waiter[] = [];
  let running = 0;
  let closed = false;

  function letPass(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (closed || (next.alone && running > 0)) return;
      waiting.shift();
      running += 1;
      closed = next.alone;
      next.start();
    }
  }

  function pass<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    const turn = new Promise<T>((resolve, reject) => {
      waiting.push({ alone, start: () => void work().then(resolve, reject) });
    });
    letPass();
    return turn.finally(() => {
      running -= 1;
      if (alone) closed = false;
      letPass();
    });
  }

  return { shared: (work) => pass(false, work), alone: (work) => pass(true, work) };
}
