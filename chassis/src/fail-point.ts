import { writeSync } from "node:fs";

/**
 * Every place at which a process can be made to die, as `<part>.<moment>`. In parentheses: what a place can be narrowed
 * to. "Work" is a method's full name, a message's type or what a worker does; "type" is that of a message.
 */
export const failPointNames = [
  // Start. (migration: source/file)
  "migration.before-begin",
  "migration.before-statements",
  "migration.after-statements",
  "migration.after-journal",
  "migration.before-commit",
  "migration.after-commit",
  "start.after-migration",
  "start.before-listen",
  "start.after-listen",
  "start.after-serving",
  "leader.after-lock",
  // Transactions. (work; of the outbox: type)
  "transaction.before-begin",
  "transaction.after-work",
  "transaction.before-commit",
  "transaction.after-commit",
  "transaction.before-listeners",
  "outbox.after-append",
  // Events on their way out. (type)
  "relay.before-publish",
  "relay.after-publish",
  "relay.after-confirm",
  "relay.after-mark",
  // Messages. (type)
  "consumer.before-claim",
  "consumer.after-claim",
  "consumer.before-ack",
  "consumer.after-ack",
  "consumer.before-begin",
  "consumer.after-begin",
  "consumer.before-postpone",
  "consumer.after-postpone",
  "consumer.after-begin-due",
  "consumer.before-park",
  "consumer.after-park",
  // Calls. (work)
  "request.before-work",
  "request.after-claim",
  "request.before-answer",
  // Calls of a provider that moves money.
  "provider.before-capture",
  "provider.after-capture",
  "provider.before-refund",
  "provider.after-refund",
  "provider.before-find-capture",
  "provider.after-find-capture",
  "provider.before-find-refund",
  "provider.after-find-refund",
  // What runs by itself. (sweep: work)
  "sweep.after-batch",
  "clean-up.after-slice",
  // Keys and what is deleted for good.
  "signing-key.before-save",
  "signing-key.after-save",
  "key-file.before-rename",
  "key-file.after-rename",
  "erasure.before-vacuum",
  "erasure.after-vacuum",
  "set-admin.after-save",
  // Stop.
  "stop.before-drain",
  "stop.after-calls",
  "stop.after-consumer",
  "stop.after-workers",
  "stop.after-relay",
  "stop.after-broker",
  "stop.after-leader",
  "stop.after-database",
  "database.before-checkpoint",
  "database.after-checkpoint",
] as const;

export type FailPointName = (typeof failPointNames)[number];

/** What a place is concerned with, where that may be several things at once: asked for only while a fail point is armed. */
export type Concerns = string | undefined | (() => Iterable<string | undefined>);

/** Where to die. */
export interface FailPoint {
  readonly name: FailPointName;
  /** Only where it is concerned with this: a work or a type, see {@link failPointNames}. */
  readonly what: string | undefined;
  /** At which passage through such a place, from 1. */
  readonly passage: number;
}

const form = /^([a-z.-]+)(?::(.+?))?(?:#([1-9]\d{0,8}))?$/;

/** Reads `<name>[:<what>][#<passage>]`; undefined for an empty text. Throws when there is no such fail point. */
export function readFailPoint(text: string): FailPoint | undefined {
  if (text === "") return undefined;
  const [, named, what, passage = "1"] = form.exec(text) ?? [];
  const name = failPointNames.find((candidate) => candidate === named);
  // A name that nothing passes would make the test that uses it pass without having tested anything.
  if (name === undefined) throw new Error(`must be <name>[:<what>][#<passage>] with a known name, is "${text}"`);
  return { name, what, passage: Number(passage) };
}

let armed: FailPoint | undefined;
let passages = 0;
/** Reached, and waiting for writes to leave: the answer to them is not taken in any more. */
let dying: { readonly point: FailPoint; readonly answer: FailPointName | undefined } | undefined;

/** Makes this process die at a fail point from now on; undefined makes it pass all of them. */
export function armFailPoint(point: FailPoint | undefined): void {
  armed = point;
  passages = 0;
}

/** A place at which this process dies by SIGKILL if it is told so by FAIL_POINT. Otherwise it does nothing. */
export function failPoint(name: FailPointName, concerns?: Concerns): void {
  if (armed === undefined) return;
  if (dying?.answer === name) die(dying.point);
  if (isReached(armed, name, concerns)) die(armed);
}

/**
 * The same, but what has been written to connections so far still leaves the process. `answer` is the place that the
 * answer to it passes: should it be back before, the process dies there, so that nothing is made of it.
 */
export function failPointAfterWrites(name: FailPointName, concerns?: Concerns, answer?: FailPointName): void {
  if (armed === undefined || dying !== undefined || !isReached(armed, name, concerns)) return;
  const point = armed;
  dying = { point, answer };
  // Libraries gather what is written in one turn and hand it to the system in the next.
  setImmediate(() => setImmediate(() => setImmediate(die, point)));
}

function isReached(point: FailPoint, name: FailPointName, concerns: Concerns): boolean {
  if (point.name !== name) return false;
  if (point.what !== undefined) {
    const whats = typeof concerns === "function" ? [...concerns()] : [concerns];
    if (!whats.includes(point.what)) return false;
  }
  passages += 1;
  return passages === point.passage;
}

/** Says where, on standard error and in one system call, so that a test can tell this end from any other. */
function die({ name, what, passage }: FailPoint): never {
  const { pid } = process;
  const time = new Date().toISOString();
  writeSync(
    2,
    `${JSON.stringify({ level: "fatal", time, pid, fail_point: name, what, passage, msg: "fail point" })}\n`,
  );
  process.kill(pid, "SIGKILL");
  // Nothing of this process may run until the signal is there.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0);
}
