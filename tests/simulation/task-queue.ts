/** What has a time and a place in the order of its making. */
export interface Timed {
  readonly time: number;
  readonly sequence: number;
}

/** A queue that gives out what is earliest, and of what is equally early what was put in first: a binary heap. */
export interface TaskQueue<T extends Timed> {
  put(item: T): void;
  take(): T | undefined;
  readonly size: number;
}

/** Creates an empty queue. */
export function createTaskQueue<T extends Timed>(): TaskQueue<T> {
  const heap: T[] = [];
  const isBefore = (one: T, other: T) =>
    one.time < other.time || (one.time === other.time && one.sequence < other.sequence);
  const at = (index: number) => heap[index] as T;

  return {
    get size() {
      return heap.length;
    },
    put(item) {
      let index = heap.push(item) - 1;
      while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!isBefore(item, at(parent))) break;
        heap[index] = at(parent);
        index = parent;
      }
      heap[index] = item;
    },
    take() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined || heap.length === 0) return first;
      let index = 0;
      for (;;) {
        let child = 2 * index + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && isBefore(at(child + 1), at(child))) child += 1;
        if (!isBefore(at(child), last)) break;
        heap[index] = at(child);
        index = child;
      }
      heap[index] = last;
      return first;
    },
  };
}
