import assert from "node:assert/strict";
import fc from "fast-check";
import { DomainError } from "../domain-error.ts";
import type { Database } from "../storage/database.ts";

/** What must come of an operation: a refusal with this reason, or success with a result that passes. */
export type Outcome = { readonly refused: string } | { readonly succeeds: (result: never) => void };

/** Success, whatever the result. */
export const succeeds: Outcome = { succeeds: () => {} };

/** An operation on its way: it is started first, and what must come of it is said, and done to the model, afterwards. */
export interface Operation<Real> {
  start(real: Real): Promise<unknown>;
  expect(): Outcome;
}

/** Something that can be done. Gives undefined where the model says that it cannot happen. */
export interface Act<Model, Real> {
  readonly name: string;
  on(model: Model): Operation<Real> | undefined;
}

/** One to three acts that are begun in the same turn, so that they may share a transaction, and a check after them. */
export function inOneTurn<Model extends object, Real>(
  acts: fc.Arbitrary<Act<Model, Real>>,
  check: (model: Model, real: Real) => Promise<void>,
): fc.Arbitrary<fc.AsyncCommand<Model, Real, true>> {
  const one = fc.array(acts, { minLength: 1, maxLength: 1 });
  const several = fc.array(acts, { minLength: 2, maxLength: 3 });
  return fc.oneof({ weight: 3, arbitrary: one }, { weight: 1, arbitrary: several }).map((together) => ({
    check: async () => true,
    toString: () => together.map(({ name }) => name).join(" & "),
    async run(model, real) {
      const operations = together.flatMap((act) => {
        const operation = act.on(model);
        return operation === undefined ? [] : [{ name: act.name, operation }];
      });
      const results = operations.map(({ operation }) => settled(operation.start(real)));
      for (const [index, { name, operation }] of operations.entries()) {
        compare(name, await results[index], operation.expect());
      }
      await check(model, real);
    },
  }));
}

/** The inbox and the claims of requests remember for some time only: empties these, so that what was done may come again. */
export function forgetting<Model, Real extends { readonly database: Database }>(
  tables: readonly ("inbox" | "request_claims")[],
  forget: (model: Model) => void,
): fc.Arbitrary<Act<Model, Real>> {
  const sql = tables.map((table) => `DELETE FROM ${table};`).join(" ");
  return fc.constant({
    name: `forget ${tables.join(" and ")}`,
    on: (model: Model) => ({
      start: ({ database }: Real) => database.transact(() => void database.sqlite.exec(sql)),
      expect: () => {
        forget(model);
        return succeeds;
      },
    }),
  });
}

type Result = { readonly value: unknown } | { readonly error: unknown };

const settled = (promise: Promise<unknown>): Promise<Result> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

function compare(name: string, result: Result | undefined, outcome: Outcome): void {
  if (result === undefined) throw new Error(`${name} was not started`);
  if ("error" in result && !(result.error instanceof DomainError)) throw result.error;
  const reason = "error" in result ? (result.error as DomainError).reason : undefined;
  assert.equal(reason, "refused" in outcome ? outcome.refused : undefined, `${name} is refused with`);
  if ("value" in result && "succeeds" in outcome) outcome.succeeds(result.value as never);
}
