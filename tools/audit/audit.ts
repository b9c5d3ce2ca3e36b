import { setTimeout as delay } from "node:timers/promises";
import { isDamaged } from "../../chassis/src/storage/database-errors.ts";
import type { AuditSource } from "./finding.ts";
import { type Answer, type AuditReport, areDeadLetters, type JudgeOptions, judge, type QueueDepth } from "./judge.ts";
import { type AuditMode, planOf } from "./plan.ts";

/** A small shop is read within milliseconds; a service that runs has taken its dead letters out after this time. */
const deadLettersMaxMs = 1_000;

/** What the audit needs of a system, however it runs. */
export interface AuditPort {
  /**
   * Answers several queries about one source in one read transaction, so that all rows are of one moment, beside whoever
   * writes. Rejects when the source cannot be read.
   */
  read(source: AuditSource, queries: Readonly<Record<string, string>>): Promise<Readonly<Record<string, unknown[]>>>;
  /** Whether a source that cannot be read is one that has been there: its loss is an offence then. */
  isLost?(source: AuditSource): boolean;
  /** How many messages are ready in each queue. Rejects when the broker cannot be asked. */
  queues?(): Promise<readonly QueueDepth[]>;
  /** Names of the parts that are down. */
  down?(): Promise<readonly string[]>;
}

/** What may be set on {@link audit}. */
export interface AuditOptions extends JudgeOptions {
  /** "rest" (the default) judges everything, "storm" what must hold at every read, which also costs less. */
  readonly mode?: AuditMode;
  readonly now?: () => number;
}

/** Reads a system once and judges it. It may go on working meanwhile: what is on its way counts as waiting. */
export async function audit(port: AuditPort, options: AuditOptions = {}): Promise<AuditReport> {
  const { mode = "rest", now = Date.now } = options;
  const time = now();
  const down = await port.down?.();
  // One after another: their order is what makes the claims about two databases sound. Queues first, as they are emptied.
  const queues = mode === "rest" ? await port.queues?.().catch(() => undefined) : undefined;
  const answers: Answer[] = [];
  for (const { source, queries } of planOf(mode)) {
    try {
      answers.push({ rows: await port.read(source, queries) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      answers.push(isDamaged(error) || port.isLost?.(source) ? { damaged: why } : { unseen: why });
    }
  }
  let queuesAtEnd: readonly QueueDepth[] | undefined;
  if (queues?.some(areDeadLetters)) {
    await delay(deadLettersMaxMs);
    queuesAtEnd = await port.queues?.().catch(() => undefined);
  }
  return judge({ mode, time, answers, queues, queuesAtEnd, down }, options);
}
