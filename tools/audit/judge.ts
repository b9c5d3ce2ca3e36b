import { serviceNames } from "../stack/stack-config.ts";
import type { Book, BookRows, Books } from "./books.ts";
import type { AuditSource, Finding } from "./finding.ts";
import { eventsAreHandled, messagesHaveEvents } from "./pairs/delivery.ts";
import {
  acknowledgedOrdersAreThere,
  everythingHasItsOrder,
  ordersKnowWhatHappened,
  providerDidWhatWasAsked,
} from "./pairs/knowledge.ts";
import type { PairRule } from "./pairs/pair-rule.ts";
import { ordersAreFinal, ordersAreSettled, providerIsBooked, replicaFollows } from "./pairs/settlement.ts";
import { type AuditMode, type Look, planOf, rowRules } from "./plan.ts";
import type { OffenceRow } from "./rules/row-rule.ts";

/**
 * The rows of one look by the names of its queries, or why it could not be taken: because the file is not what it must be,
 * which is an offence, or because it cannot be reached, which is none.
 */
export type Answer =
  | { readonly rows: Readonly<Record<string, readonly unknown[]>> }
  | { readonly damaged: string }
  | { readonly unseen: string };

/** A queue of the broker and how many messages are ready in it. */
export interface QueueDepth {
  readonly queue: string;
  readonly messages: number;
}

/** What was read of a system. */
export interface Reading {
  readonly mode: AuditMode;
  /** When the reading began, ms since the epoch. */
  readonly time: number;
  /** One for each look of the plan, in its order. */
  readonly answers: readonly Answer[];
  /** At the beginning. Undefined when the broker was not asked. */
  readonly queues?: readonly QueueDepth[];
  /** At the end, asked for only when there were dead letters at the beginning. */
  readonly queuesAtEnd?: readonly QueueDepth[];
  /** Parts that are known to be down: what waits for them is no offence. */
  readonly down?: readonly string[];
}

/** How to judge. */
export interface JudgeOptions {
  /** How long something may wait for parts that are up, ms. */
  readonly waitMaxMs?: number;
  /** Orders that were acknowledged: their names or ids. */
  readonly acknowledged?: Iterable<string>;
  /** Ids of messages that were poisoned on purpose and may be parked. */
  readonly poisoned?: Iterable<string>;
}

/** What the audit says. */
export interface AuditReport {
  /** What does not add up. Empty is the only good answer. */
  readonly findings: readonly Finding[];
  /** What is still on its way, or waits for a part that is down. */
  readonly waiting: readonly Finding[];
  /** What could not be looked at, in words. */
  readonly unseen: readonly string[];
  readonly books: Books;
}

/** What {@link AuditReport.unseen} says when the broker was not asked. */
export const unseenQueues = "the queues of the broker";
/** I1: how long anything may wait when nothing is down, and within what time after the last fault all must be at rest. */
export const waitMaxDefaultMs = 30_000;
// The services keep sent events, handled messages and claims for 7 days; what is removed at this moment is no riddle.
const keptMs = (7 * 24 - 1) * 60 * 60 * 1_000;

const stormRules: readonly PairRule[] = [
  acknowledgedOrdersAreThere,
  ordersKnowWhatHappened,
  everythingHasItsOrder,
  providerDidWhatWasAsked,
];
const restRules: readonly PairRule[] = [
  ...stormRules,
  ordersAreFinal,
  ordersAreSettled,
  providerIsBooked,
  replicaFollows,
  messagesHaveEvents,
  eventsAreHandled,
];

/** Judges what was read. Reads nothing itself: the same reading gives the same report. */
export function judge(reading: Reading, options: JudgeOptions = {}): AuditReport {
  const { mode, time: now, answers, down = [] } = reading;
  const { waitMaxMs = waitMaxDefaultMs } = options;
  const looks = planOf(mode);
  const books = booksOf(looks, answers);
  const context = { now, keptSince: now - keptMs, acknowledged: [...(options.acknowledged ?? [])] };
  const rules = mode === "storm" ? stormRules : restRules;
  const all = [
    ...damagesIn(looks, answers),
    ...looks.flatMap((look, position) => offencesIn(look, answers[position], context.keptSince, options)),
    ...queueFindings(reading),
    ...rules.flatMap((rule) => rule(books, context)),
  ];
  const mayWait = (finding: Finding) =>
    finding.sinceTime !== undefined && (waitsForSomebody(finding, down) || now - finding.sinceTime <= waitMaxMs);
  return {
    findings: all.filter((finding) => !mayWait(finding)),
    waiting: all.filter(mayWait),
    unseen: unseenIn(reading, looks),
    books,
  };
}

/** Whoever is party to it is down, or what carries it. */
function waitsForSomebody({ services }: Finding, down: readonly string[]): boolean {
  return down.includes("rabbitmq") || services.some((service) => down.includes(hostOf(service)));
}

/** The service in whose process a source lives. */
export function hostOf(source: AuditSource): string {
  return source === "test-provider" ? "payment-svc" : source;
}

/** One for each file, however often it was looked at. */
function damagesIn(looks: readonly Look[], answers: readonly Answer[]): readonly Finding[] {
  const damages = looks.flatMap(({ source }, position) => {
    const answer = answers[position];
    return answer !== undefined && "damaged" in answer ? [[source, answer.damaged] as const] : [];
  });
  return [...new Map(damages)].map(([source, what]) => {
    return { invariant: "I9", services: [source], about: source, what };
  });
}

function offencesIn(
  look: Look,
  answer: Answer | undefined,
  keptSince: number,
  { poisoned = [] }: JudgeOptions,
): readonly Finding[] {
  if (answer === undefined || !("rows" in answer)) return [];
  const onPurpose = new Set(poisoned);
  return rowRules
    .filter(({ source, name }) => source === look.source && name in look.queries)
    .flatMap(({ invariant, source, name }) =>
      ((answer.rows[name] ?? []) as readonly OffenceRow[])
        .filter(({ made }) => made == null || made >= keptSince)
        .filter(({ message }) => message == null || !onPurpose.has(message))
        .map(({ about, what, since }) => {
          return { invariant, services: [source], about, what, ...(since == null ? {} : { sinceTime: since }) };
        }),
    );
}

/** Whether these are dead letters of a service. It takes them out at once, when it runs: into its inbox. */
export function areDeadLetters({ queue, messages }: QueueDepth): boolean {
  return messages > 0 && serviceNames.some((service) => queue === `${service}.events.dead`);
}

/** Messages in a queue may be on their way, but not dead letters that are still there at the end of the reading. */
function queueFindings({ mode, time, queues = [], queuesAtEnd = [], down = [] }: Reading): readonly Finding[] {
  if (mode === "storm") return [];
  const left = new Set(queuesAtEnd.filter(areDeadLetters).map(({ queue }) => queue));
  return queues
    .filter(({ messages }) => messages > 0)
    .map(({ queue, messages }) => {
      const service = queue.split(".")[0] as AuditSource;
      const what = `${messages} messages are in it`;
      const finding: Finding = { invariant: "I6", services: [service], about: `queue ${queue}`, what };
      return left.has(queue) && !waitsForSomebody(finding, down) ? finding : { ...finding, sinceTime: time };
    });
}

function unseenIn({ mode, answers, queues }: Reading, looks: readonly Look[]): readonly string[] {
  const reasons = looks.flatMap(({ source }, position) => {
    const answer = answers[position];
    return answer !== undefined && "unseen" in answer ? [`${source}: ${answer.unseen}`] : [];
  });
  return [...new Set([...reasons, ...(mode === "rest" && queues === undefined ? [unseenQueues] : [])])];
}

function booksOf(looks: readonly Look[], answers: readonly Answer[]): Books {
  const find = (source: string, book: Book, order: readonly number[]) => {
    for (const position of order) {
      const [look, answer] = [looks[position], answers[position]];
      if (look?.source !== source || !(book in look.queries)) continue;
      return answer !== undefined && "rows" in answer ? answer.rows[book] : undefined;
    }
    return undefined;
  };
  const there = looks.map((_, position) => position);
  const back = there.toReversed();
  return {
    first: <B extends Book>(source: string, book: B) => find(source, book, there) as readonly BookRows[B][] | undefined,
    second: <B extends Book>(source: string, book: B) => find(source, book, back) as readonly BookRows[B][] | undefined,
  };
}
