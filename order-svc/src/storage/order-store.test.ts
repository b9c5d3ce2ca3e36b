import assert from "node:assert/strict";
import { requestClaims } from "@quartet/chassis/storage/schema";
import { assertSchemaMatches } from "@quartet/chassis/testing/schema-check";
import { afterEach, beforeEach, describe, it } from "mocha";
import { recordStock } from "../domain/record-stock.ts";
import { aClaim, aMessage, aMoment, aPendingOrder, aPlacement, aStockFact, placeTime } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import * as schema from "./schema.ts";
import { describeOrderStore } from "./store-suite.ts";

describeOrderStore("SQLite", () => openTestStore({ now: () => placeTime }));

describe("the tables of order-svc", () => {
  let database: TestStore["database"];
  let orders: TestStore["orders"];
  beforeEach(async () => {
    ({ database, orders } = await openTestStore({ now: () => placeTime }));
  });
  afterEach(() => database.close());

  it("are those that the schema describes", () => {
    assertSchemaMatches(database, schema);
  });

  it("keep a request good for one order after its claim is forgotten", async () => {
    await orders.place("ada", aClaim("r1"), () => aPlacement("o1"));
    database.orm.delete(requestClaims).run();
    assert.equal((await orders.place("ada", aClaim("r1"), () => aPlacement("o2"))).id, "o1");
    await assert.rejects(
      orders.place("ada", aClaim("r1", "other"), () => aPlacement("o3")),
      { reason: "REQUEST_ID_REUSED" },
    );
  });

  it("keep an event to one entry after the inbox has forgotten it", async () => {
    await orders.place("ada", undefined, () => aPlacement());
    const fact = aStockFact("RESERVED", 1);
    const message = aMessage(fact.cause.eventId);
    await orders.record("o1", message, (order) => recordStock(order ?? aPendingOrder(), fact, aMoment()));
    database.sqlite.exec("DELETE FROM inbox");
    await orders.record("o1", message, () => assert.fail("decided again"));
  });

  it("keep the deadline of a step whose event the outbox has forgotten", async () => {
    const placed = await orders.place("ada", undefined, () => aPlacement());
    database.sqlite.exec("DELETE FROM outbox");
    const after = Number.POSITIVE_INFINITY;
    const stepEventId = placed.step?.eventId;
    assert.deepEqual(await orders.overdue({ before: placed.createTime, after }, 10), [
      { orderId: placed.id, stepEventId },
    ]);
    assert.deepEqual(await orders.overdue({ before: placed.createTime - 1, after }, 10), []);
  });

  const refused: Readonly<Record<string, string>> = {
    "an unknown state": "UPDATE orders SET state = 'LOST'",
    "a refund above what was captured": "UPDATE orders SET refunded_minor = 1",
    "a part of the total captured": "UPDATE orders SET captured_minor = 1",
    "a confirmed order without its money":
      "UPDATE orders SET state = 'CONFIRMED', payment_token = NULL, step_event_id = NULL, step_time = NULL, confirm_time = update_time",
    "a cancelled order without a reason":
      "UPDATE orders SET state = 'CANCELLED', payment_token = NULL, step_event_id = NULL, step_time = NULL",
    "a reason for an order that is not cancelled": "UPDATE orders SET cancel_reason = 'REQUESTED'",
    "an open order without its payment token": "UPDATE orders SET payment_token = NULL",
    "an open order without a step": "UPDATE orders SET step_event_id = NULL, step_time = NULL",
    "a payment awaited without stock": "UPDATE orders SET state = 'AWAITING_PAYMENT'",
    "a reason nobody knows":
      "UPDATE orders SET state = 'CANCELLED', cancel_reason = 'BORED', payment_token = NULL, step_event_id = NULL, step_time = NULL",
    "a deleted user without the event that said so": "INSERT INTO deleted_users VALUES ('ada', '', 0, NULL)",
    "a clock that goes back": "UPDATE orders SET update_time = create_time - 1",
    "a total of nothing": "UPDATE orders SET total_minor = 0",
    "a total too large": "UPDATE orders SET total_minor = 1000000000001",
    "a quantity of nothing": "UPDATE order_lines SET quantity = 0",
    "a line of no order": "UPDATE order_lines SET order_id = 'ghost'",
    "an order gone from under its lines": "DELETE FROM orders",
    "a gap in a timeline":
      "INSERT INTO order_events SELECT order_id, 3, state, cause, 'e3', record_time, trace_id FROM order_events",
    "an entry that changes": "UPDATE order_events SET state = 'CONFIRMED'",
  };
  for (const [what, statement] of Object.entries(refused)) {
    it(`refuse ${what}`, async () => {
      await orders.place("ada", undefined, () => aPlacement());
      assert.throws(() => database.sqlite.exec(statement), /constraint failed|timeline of an order/);
    });
  }
});
