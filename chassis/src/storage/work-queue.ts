/** What waits for its turn. */
export interface Waiting {
  /** Whether a caller waits for it: a work of a call, not of a message or of the service itself. */
  readonly isAwaited: boolean;
}

/** Two queues that are served in turn, each in its order. */
export interface WorkQueue<T extends Waiting> {
  readonly size: number;
  push(entry: T): void;
  /** The one whose turn it is; undefined when none waits. */
  peek(): T | undefined;
  /** Removes and returns the one that peek shows. */
  take(): T | undefined;
  /** Removes and returns those that the test holds for. */
  remove(test: (entry: T) => boolean): T[];
  /** All that wait. */
  entries(): T[];
}

/** Of so many works in a row one is of a call, while both kinds wait. */
const round = 5;

/**
 * Creates a queue in which calls get a fifth of the turns and everything else the rest, while both wait. One queue for all
 * would share by numbers: a call would wait behind all messages that were fetched, and many calls would leave no room for
 * what the calls before them brought about. Calls get the smaller part, because a call brings messages with it that have to
 * be handled later: what has been begun comes before what has not.
 */
export function createWorkQueue<T extends Waiting>(): WorkQueue<T> {
  const awaited: T[] = [];
  const others: T[] = [];
  let turn = 0;

  const current = () => {
    const [first, second] = turn === 0 ? [awaited, others] : [others, awaited];
    return first.length > 0 ? first : second;
  };

  return {
    get size() {
      return awaited.length + others.length;
    },
    push(entry) {
      (entry.isAwaited ? awaited : others).push(entry);
    },
    peek: () => current()[0],
    take() {
      const entry = current().shift();
      turn = (turn + 1) % round;
      return entry;
    },
    remove(test) {
      const removed: T[] = [];
      for (const queue of [awaited, others]) {
        const kept: T[] = [];
        for (const entry of queue) (test(entry) ? removed : kept).push(entry);
        if (kept.length < queue.length) queue.splice(0, queue.length, ...kept);
      }
      return removed;
    },
    entries: () => [...awaited, ...others],
  };
}
