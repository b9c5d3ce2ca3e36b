import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { aMessage, aPlacement, placeTime } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { createDeletedUsers } from "./deleted-users.ts";
import { createOrderQueries } from "./order-queries.ts";

describe("the queries of order-svc", () => {
  let store: TestStore;
  beforeEach(async () => {
    store = await openTestStore({ now: () => placeTime });
  });
  afterEach(() => store.close());

  /** The plans of the statements that are prepared while `run` runs. */
  async function plansOf(run: (opened: TestStore) => Promise<unknown>): Promise<string[]> {
    const { sqlite } = store.database;
    const statements: string[] = [];
    const prepare = sqlite.prepare.bind(sqlite);
    sqlite.prepare = ((statement: string) => {
      statements.push(statement);
      return prepare(statement);
    }) as typeof sqlite.prepare;
    try {
      await run(store);
    } finally {
      sqlite.prepare = prepare as typeof sqlite.prepare;
    }
    return statements.flatMap((statement) =>
      (prepare(`EXPLAIN QUERY PLAN ${statement.replaceAll(/\?|@\w+/g, "1")}`).all() as { detail: string }[]).map(
        ({ detail }) => detail,
      ),
    );
  }

  const filters = [
    { filter: {}, plan: /^(SCAN|SEARCH) orders( USING PRIMARY KEY \(id<\?\))?$/ },
    { filter: { userId: "ada" }, plan: /^SEARCH orders USING INDEX orders_by_user \(user_id=\?( AND id<\?)?\)$/ },
    { filter: { state: "PENDING" }, plan: /^SEARCH orders USING INDEX orders_by_state \(state=\?( AND id<\?)?\)$/ },
    {
      filter: { userId: "ada", state: "PENDING" },
      plan: /^SEARCH orders USING INDEX orders_by_user_and_state \(user_id=\? AND state=\?( AND id<\?)?\)$/,
    },
  ] as const;
  for (const { filter, plan } of filters) {
    for (const afterId of [undefined, "o2"]) {
      const by = Object.keys(filter).join(" and ") || "nothing";
      it(`list by ${by}, ${afterId === undefined ? "first" : "further"} page, along an index and without sorting`, async () => {
        await store.orders.place("ada", undefined, () => aPlacement("o1"));
        const plans = await plansOf(({ queries }) => queries.list({ ...filter, afterId, limit: 10 }));
        const [ofOrders, ...ofLines] = plans;
        assert.match(ofOrders ?? "", plan);
        for (const step of ofLines) assert.match(step, /^(SEARCH order_lines USING PRIMARY KEY|LIST SUBQUERY)/);
      });
    }
  }

  it("find what deleted users left open from the few that are unfinished", async () => {
    await store.deletedUsers.record("ada", aMessage("m1"));
    const plans = await plansOf(async ({ database }) => {
      await createDeletedUsers({ database, unitOfWork: undefined as never, now: () => 0 }).unfinished(10);
    });
    assert.ok(plans.length >= 4, plans.join("\n"));
    assert.deepEqual(
      plans.filter((step) => /^SCAN|TEMP B-TREE/.test(step)).map((step) => step.replace(/^SCAN /, "")),
      Array(2).fill("deleted_users USING INDEX deleted_users_unfinished"),
    );
    assert.ok(plans.some((step) => step.includes("orders_by_user_and_state (user_id=? AND state=?)")));
  });

  it("look at all watched timelines in one query, by key", async () => {
    const plans = await plansOf(async ({ database }) => createOrderQueries({ database }).lastSequences(["o1", "o2"]));
    assert.ok(
      plans.some((step) => /^SEARCH order_events USING PRIMARY KEY \(order_id=\?\)$/.test(step)),
      plans.join("\n"),
    );
    assert.ok(!plans.some((step) => /^SCAN order/.test(step)), plans.join("\n"));
  });
});
