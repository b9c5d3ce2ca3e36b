import { createHash } from "node:crypto";
import type { Random } from "./random.ts";
import { createTaskQueue } from "./task-queue.ts";

/** One life of a program: from its start to its end, by SIGKILL as a rule. */
export interface Process {
  readonly name: string;
  /** Nothing runs in a process that is not alive. */
  isAlive: boolean;
  /** Until then it stands still, as in a long garbage collection or under SIGSTOP. Time of the world, ms. */
  stoppedUntil: number;
  /** When the last of its immediates is due: they run in the order in which they were made. */
  immediatesUntil: number;
}

/** "timer": somebody looks whether there is something to do; "work": something is on its way. */
export type TaskKind = "timer" | "work";

/** Something that will happen in a process. */
export interface Task {
  time: number;
  readonly sequence: number;
  readonly process: Process;
  readonly what: string;
  readonly kind: TaskKind;
  readonly run: () => unknown;
  isCancelled: boolean;
}

/** Time, order and memory of everything that happens in a simulation. */
export interface World {
  readonly random: Random;
  /** Milliseconds since the world began, with fractions. */
  readonly time: number;
  /** The clock of every process: ms since the epoch, whole. */
  now(): number;
  /** A UUID of version 7 that is greater than all before. */
  newId(): string;
  /** The process whose turn it is. Throws between the turns. */
  readonly current: Process;
  /** Whether a process has its turn. */
  readonly isRunning: boolean;
  newProcess(name: string): Process;
  /** Lets something happen in a process, unless it has ended by then. */
  after(process: Process, delayMs: number, what: string, run: () => unknown, kind?: TaskKind): Task;
  /** Tasks of kind "work" that wait. */
  readonly workCount: number;
  /** Lets everything up to the next turn happen; false when there is none. */
  step(): Promise<boolean>;
  /** Called after each turn, with its task. */
  onStep(listener: (task: Task) => void): void;
  /** Adds a line to the history, as of now. */
  note(line: string): void;
  /** What must not have happened, in words. */
  readonly violations: readonly string[];
  violate(what: string): void;
  /** The last lines of the history, readable. */
  tail(count: number): readonly string[];
  readonly stepCount: number;
  /** Names everything that has happened: each turn with its time and each note. */
  hash(): string;
}

const epochMs = Date.UTC(2026, 0, 1);
/** A turn of the event loop takes time, and no two take the same. */
const turnMaxMs = 0.4;

/** Creates a world in which nothing has happened. */
export function createWorld(random: Random): World {
  const queue = createTaskQueue<Task>();
  const draw = random.fork("turns");
  const listeners: ((task: Task) => void)[] = [];
  const notes: string[] = [];
  const violations: string[] = [];
  const history = createHash("sha256");
  let unhashed: string[] = [];
  let time = 0;
  let sequence = 0;
  let idCount = 0;
  let stepCount = 0;
  let workCount = 0;
  let current: Process | undefined;

  const record = (line: string): void => {
    unhashed.push(line);
    if (unhashed.length >= 500) digest();
  };
  const digest = (): void => {
    history.update(unhashed.join("\n"));
    unhashed = [];
  };

  function put(task: Task): void {
    queue.put(task);
    if (task.kind === "work") workCount += 1;
  }

  /** The next task whose process lives and does not stand still. */
  function next(): Task | undefined {
    for (;;) {
      const task = queue.take();
      if (task === undefined) return undefined;
      if (task.kind === "work") workCount -= 1;
      if (task.isCancelled || !task.process.isAlive) continue;
      if (task.process.stoppedUntil <= task.time) return task;
      task.time = task.process.stoppedUntil;
      put(task);
    }
  }

  const failed = (task: Task, error: unknown): void =>
    world.violate(`${task.process.name} ${task.what}: ${error instanceof Error ? error.stack : String(error)}`);

  const world: World = {
    random,
    get time() {
      return time;
    },
    now: () => epochMs + Math.floor(time),
    newId() {
      const hex = world.now().toString(16).padStart(12, "0");
      const count = (++idCount).toString(16).padStart(12, "0");
      return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${count}`;
    },
    get current() {
      if (current === undefined) throw new Error("no process has its turn");
      return current;
    },
    get isRunning() {
      return current !== undefined;
    },
    newProcess: (name) => ({ name, isAlive: true, stoppedUntil: 0, immediatesUntil: 0 }),
    after(process, delayMs, what, run, kind = "work") {
      const task: Task = { time: time + delayMs, sequence: ++sequence, process, what, kind, run, isCancelled: false };
      put(task);
      return task;
    },
    get workCount() {
      return workCount;
    },
    async step() {
      // From here on this is a microtask itself: see the end of the turn.
      await undefined;
      const task = next();
      if (task === undefined) return false;
      time = Math.max(time, task.time);
      stepCount += 1;
      record(`${time.toFixed(3)} ${task.process.name} ${task.what}`);
      current = task.process;
      try {
        const result = task.run();
        if (result instanceof Promise) result.catch((error: unknown) => failed(task, error));
      } catch (error) {
        failed(task, error);
      }
      // Everything that follows without a wait belongs to this turn: from a microtask, Node comes to the tick queue only
      // when no other microtask is left.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      current = undefined;
      time += draw.next() * turnMaxMs * 0.01;
      for (const listener of listeners) listener(task);
      return true;
    },
    onStep: (listener) => void listeners.push(listener),
    note(line) {
      const text = `${(time / 1000).toFixed(4).padStart(9)} ${(current?.name ?? "").padEnd(15)} ${line}`;
      notes.push(text);
      record(text);
    },
    violations,
    violate(what) {
      violations.push(what);
      world.note(`!!! ${what}`);
    },
    tail: (count) => notes.slice(-count),
    get stepCount() {
      return stepCount;
    },
    hash() {
      digest();
      return history.copy().digest("hex").slice(0, 16);
    },
  };
  return world;
}
