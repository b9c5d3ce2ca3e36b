import { serviceNames } from "../stack/stack-config.ts";
import { type Book, bookQueries } from "./books.ts";
import type { AuditSource } from "./finding.ts";
import { causeRules } from "./rules/causes.ts";
import { effectRules } from "./rules/effects.ts";
import { fileRules } from "./rules/files.ts";
import { ledgerRules } from "./rules/ledger.ts";
import { requestRules } from "./rules/requests.ts";
import { restRules } from "./rules/rest.ts";
import type { RowRule } from "./rules/row-rule.ts";
import { stockRules } from "./rules/stock.ts";
import { timelineRules } from "./rules/timelines.ts";

/** One look at one source: queries by their names, to be answered in one read transaction, which sees one moment. */
export interface Look {
  readonly source: AuditSource;
  readonly queries: Readonly<Record<string, string>>;
}

/** Every rule about one database. */
export const rowRules: readonly RowRule[] = [
  ...stockRules,
  ...ledgerRules,
  ...effectRules,
  ...timelineRules,
  ...requestRules,
  ...fileRules,
  ...causeRules,
  ...restRules,
];

/** "storm" looks for what must hold at every read; "rest" for everything. */
export type AuditMode = "storm" | "rest";

interface Step {
  readonly source: AuditSource;
  readonly books: readonly Book[];
  /** Read only at rest: they are long, and say nothing that must hold at every read which the rules do not. */
  readonly restBooks?: readonly Book[];
}

/**
 * In which order the databases are read, one after another, while they change. What one service knows of another is never
 * ahead of it: a cause is on disk before its effect. So a claim of the form "what A shows, B shows too" can be judged when
 * A is read before B, whatever happens in between. Orders depend on stock and payments and these on orders, payments on
 * what the provider did and the provider on what it was asked: hence the way there and back. The same goes for messages:
 * inboxes are read before the outboxes that they come from.
 */
const mainSteps: readonly Step[] = [
  { source: "test-provider", books: ["operations"] },
  { source: "payment-svc", books: ["payments", "refunds"], restBooks: ["messages"] },
  { source: "product-svc", books: ["reservations"], restBooks: ["messages"] },
  { source: "order-svc", books: ["orders"], restBooks: ["replicas", "messages", "events"] },
  { source: "product-svc", books: ["reservations"], restBooks: ["products", "stock", "events", "messages"] },
  { source: "payment-svc", books: ["payments", "refunds"], restBooks: ["ledger", "events", "messages"] },
  { source: "test-provider", books: ["operations"] },
  { source: "user-svc", books: [], restBooks: ["accounts", "events"] },
];

/** Services that the checkout does without: what holds for every service is looked at in their files too. */
const otherSteps = serviceNames
  .filter((service) => !mainSteps.some(({ source }) => source === service))
  .map((source): Step => ({ source, books: [], restBooks: ["events", "messages"] }));
const steps = [...mainSteps, ...otherSteps];

/** What to read, in this order. The rules about one database belong to its first look. */
export function planOf(mode: AuditMode): readonly Look[] {
  return steps.map(({ source, books, restBooks = [] }, position) => {
    const isFirst = steps.findIndex((step) => step.source === source) === position;
    const rules = isFirst ? rowRules.filter((rule) => rule.source === source && (mode === "rest" || !rule.atRest)) : [];
    const wanted = mode === "rest" ? [...books, ...restBooks] : books;
    return {
      source,
      queries: Object.fromEntries([
        ...rules.map(({ name, sql }) => [name, sql]),
        ...wanted.map((book) => [book, bookQueries[book]]),
      ]),
    };
  });
}
