import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadContract } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import BetterSqlite3 from "better-sqlite3";
import { after, before, describe, it } from "mocha";
import { readStackConfig, serviceNames } from "../stack/stack-config.ts";
import { type AuditOptions, type AuditPort, audit } from "./audit.ts";
import { consumersOf, publisherOf } from "./consumers.ts";
import { databaseFile } from "./database-file.ts";
import { type AuditSource, describeFinding, type Finding, type Invariant } from "./finding.ts";
import { nativePort } from "./native-port.ts";
import { planOf, rowRules } from "./plan.ts";
import { openSmallShop } from "./testing/small-shop.ts";

const startTime = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;
/** SQLite's. */
const pageBytes = 4_096;
const rootDir = join(import.meta.dirname, "..", "..");
/** Statements that lift what the database itself refuses, so that an offence can be put there. */
const unguarded = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";

/** Names in the shop that the cases speak of, as `:name`. */
type Names = Readonly<
  Record<"cup" | "old" | "paid" | "declined" | "short" | "returned" | "partly" | "deserted", string>
>;

/** An offence: what to do to which file, and which rule finds it. */
interface Offence {
  readonly invariant: Invariant;
  /** Name of the rule about one database, where it is one. */
  readonly rule?: string;
  readonly source: AuditSource;
  readonly sql: string;
  /** What it has to be about. */
  readonly about: string;
  /** Both sides, for a rule about two. */
  readonly between?: readonly AuditSource[];
  readonly says?: RegExp;
  /** Found at rest only. */
  readonly atRest?: true;
}

const deadTriggers: Partial<Record<AuditSource, string>> = {
  "order-svc": "DROP TRIGGER order_events_as_they_were; DROP TRIGGER order_events_without_gap;",
  "payment-svc": `DROP TRIGGER ledger_entries_are_not_updated; DROP TRIGGER ledger_entries_are_not_deleted;
    DROP TRIGGER refunds_keep_their_amount; DROP TRIGGER refunds_within_amount; DROP TRIGGER refunds_that_are_done_stay;`,
};
const done = (type: string, order: string) => `
  INSERT INTO inbox (message_id, type, aggregate, version, message_time, state, starts, attempts, receive_time, finish_time)
  VALUES ('made up', '${type}', 'orders/${order}', 9, ${startTime}, 'done', 0, 0, ${startTime}, ${startTime})`;
const event = (type: string, aggregate: string, version: number) => `
  INSERT INTO outbox (event_id, type, aggregate, version, payload, create_time, sent_time)
  VALUES ('made up', '${type}', '${aggregate}', ${version}, x'', ${startTime}, ${startTime})`;
const oneMore =
  "UPDATE ledger_entries SET debit_minor = debit_minor + 1 WHERE movement = 'capture/:paid' AND debit_minor > 0";

const offences: readonly Offence[] = [
  ...rules("I3", "product-svc", {
    "stock adds up to what was put in": [
      "UPDATE products SET available = available + 1 WHERE id = ':cup'",
      "products/:cup",
    ],
    "stock is never negative": ["UPDATE products SET available = -1 WHERE id = ':cup'", "products/:cup"],
    "held and sold are those of the reservations": [
      "UPDATE products SET held = held + 1, available = available - 1 WHERE id = ':cup'",
      "products/:cup",
    ],
    "a reservation has lines as long as it holds or has sold them": [
      "DELETE FROM reservation_lines WHERE order_id = ':paid'",
      "orders/:paid",
    ],
  }),
  ...rules("I4", "payment-svc", {
    "debits and credits of each movement are equal": [oneMore, "payments/:paid"],
    "debits and credits of each currency are equal": [oneMore, "ledger/EUR"],
    "balances are the sums of the entries": [
      "UPDATE ledger_balances SET credit_minor = credit_minor + 1",
      "ledger/EUR",
    ],
    "what was captured and refunded is booked, and nothing else": [
      "DELETE FROM ledger_entries WHERE movement = 'capture/:paid'",
      "payments/:paid",
    ],
  }),
  ...rules("I2", "payment-svc", {
    "no more is refunded than was captured": [
      "UPDATE refunds SET amount_minor = 999999 WHERE payment_id = ':partly'",
      "payments/:partly",
    ],
    "what was captured for a cancelled order goes back": [
      "DELETE FROM refunds WHERE payment_id = ':returned'",
      "payments/:returned",
    ],
  }),
  ...rules("I5", "test-provider", {
    "the provider returned no more than it captured": [
      "UPDATE operations SET amount_minor = 999999 WHERE capture_key = 'capture/:partly'",
      "capture/:partly",
    ],
  }),
  ...rules("I5", "order-svc", {
    "each message about stock and money is in one timeline, once": [
      done("shop.payment.v1.PaymentRefunded", ":paid"),
      "orders/:paid",
    ],
    "each entry of a timeline that a message caused has its message": [
      "DELETE FROM inbox WHERE message_id IN (SELECT event_id FROM order_events WHERE order_id = ':paid')",
      "orders/:paid",
    ],
    "each message that an account was deleted is remembered": ["DELETE FROM deleted_users", "users/bob"],
  }),
  ...rules("I5", "product-svc", {
    "each message about an order has moved its stock": [done("shop.order.v1.OrderCancelled", ":paid"), "orders/:paid"],
    "no stock of an order moves more often than messages came": [
      "DELETE FROM inbox WHERE aggregate = 'orders/:paid'",
      "orders/:paid",
    ],
  }),
  ...rules("I5", "payment-svc", {
    "each message about an order has reached its payment": [
      done("shop.order.v1.OrderCancelled", ":paid"),
      "orders/:paid",
    ],
    "no payment is there that no message asked for": [
      "DELETE FROM inbox WHERE aggregate = 'orders/:paid'",
      "payments/:paid",
    ],
  }),
  ...rules("I7", "order-svc", {
    "a timeline has no gap and ends where its order is": [
      "DELETE FROM order_events WHERE order_id = ':paid' AND sequence = 2",
      "orders/:paid",
    ],
    "the last entry of a timeline has the state of its order": [
      "UPDATE orders SET state = 'AWAITING_PAYMENT' WHERE id = ':paid'",
      "orders/:paid",
    ],
    "a timeline never goes back": [
      "UPDATE order_events SET state = 'CANCELLED' WHERE order_id = ':paid' AND sequence = 2",
      "orders/:paid",
    ],
    "versions rise from event to event": [
      "UPDATE outbox SET version = 1 WHERE aggregate = 'orders/:paid'",
      "orders/:paid",
    ],
    "no event goes out before an earlier one about the same": [
      "UPDATE outbox SET sent_time = NULL WHERE aggregate = 'orders/:paid' AND version = 1",
      "orders/:paid",
    ],
  }),
  ...rules("I8", "order-svc", {
    "a request of a user has one order": [
      "DROP INDEX orders_by_request; UPDATE orders SET request_id = 'the same' WHERE user_id = 'ada'",
      "users/ada",
    ],
    "a claim names the order that its request placed": [
      "UPDATE request_claims SET resource = ':declined' WHERE resource = ':paid'",
      "orders/:declined",
    ],
    "an order that a request placed has its claim": [
      "DELETE FROM request_claims WHERE resource = ':paid'",
      "orders/:paid",
    ],
  }),
  ...rules("I8", "product-svc", {
    "a claim names a product that is there": [
      "UPDATE request_claims SET resource = 'nothing' WHERE method GLOB '*/AdjustStock'",
      "products/nothing",
    ],
    "each request to create made a product of its own": [
      "UPDATE request_claims SET resource = ':cup' WHERE method GLOB '*/CreateProduct'",
      "products/:cup",
    ],
  }),
  ...rules("I8", "payment-svc", {
    "a claim names the refund that its request asked for": [
      "UPDATE request_claims SET hash = 'other'",
      "payments/:partly",
    ],
  }),
  ...rules("I8", "user-svc", {
    "a claim names an account that is there, or was": [
      "UPDATE request_claims SET resource = 'nobody' WHERE resource = 'ada'",
      "users/nobody",
    ],
    "each request to create made an account of its own": ["UPDATE request_claims SET resource = 'ada'", "users/ada"],
  }),
  ...rules("I9", "product-svc", {
    "integrity_check finds nothing": ["UPDATE products SET sold = -1 WHERE id = ':cup'", "product-svc"],
    "foreign_key_check finds nothing": ["DELETE FROM products WHERE id = ':cup'", "product-svc"],
  }),
  ...rules("I10", "order-svc", {
    "each move of an order has its event": ["DELETE FROM outbox WHERE type GLOB '*.OrderConfirmed'", "orders/:paid"],
    "each event of an order has its move": [event("shop.order.v1.OrderCancelled", "orders/:paid", 9), "orders/:paid"],
    "an open order waits for the answer to an event that is there": [
      `UPDATE orders SET state = 'PENDING', step_event_id = 'nothing', step_time = ${startTime} WHERE id = ':paid'`,
      "orders/:paid",
    ],
  }),
  ...rules("I10", "product-svc", {
    "each move of an order's stock has its event": ["DELETE FROM outbox WHERE type GLOB '*.StockSold'", "orders/:paid"],
    "each version of a product has its event": [
      "DELETE FROM outbox WHERE type GLOB '*.ProductUpdated'",
      "products/:cup",
    ],
  }),
  ...rules("I10", "user-svc", {
    "each version of an account has its event": ["DELETE FROM outbox WHERE aggregate = 'users/ada'", "users/ada"],
    "a session that was revoked is gone": [event("shop.user.v1.SessionRevoked", "sessions/ada-1", 2), "sessions/ada-1"],
  }),
  ...rules("I10", "payment-svc", {
    "each end of a payment and each refund has its event": [
      "DELETE FROM outbox WHERE type GLOB '*.PaymentCaptured'",
      "payments/:paid",
    ],
  }),
  ...rules(
    "I6",
    "product-svc",
    {
      "every event was sent": [
        "UPDATE outbox SET sent_time = NULL WHERE aggregate = 'reservations/:paid'",
        "reservations/:paid",
      ],
      "every message received is done": [
        "UPDATE inbox SET state = 'started', payload = x'', finish_time = NULL WHERE aggregate = 'orders/:paid'",
        "orders/:paid",
      ],
      "no message is parked": [
        "UPDATE inbox SET state = 'parked', payload = x'' WHERE aggregate = 'orders/:paid'",
        "orders/:paid",
      ],
    },
    true,
  ),
  ...rules(
    "I1",
    "order-svc",
    {
      "the open orders of deleted users were cancelled": ["UPDATE deleted_users SET finish_time = NULL", "users/bob"],
    },
    true,
  ),

  ...pair(
    "I2",
    ["order-svc", "payment-svc"],
    [
      [
        "payment-svc",
        "UPDATE payments SET state = 'DECLINED' WHERE id = ':paid'",
        "orders/:paid",
        /knows a payment CAPTURED/,
      ],
      ["payment-svc", "DELETE FROM payments WHERE id = ':paid'", "orders/:paid", /there is none/],
      ["order-svc", "UPDATE orders SET refunded_minor = 1 WHERE id = ':paid'", "orders/:paid", /1 refunded/],
    ],
  ),
  ...pair(
    "I2",
    ["order-svc", "product-svc"],
    [
      [
        "product-svc",
        "UPDATE reservations SET state = 'HELD' WHERE order_id = ':paid'",
        "orders/:paid",
        /knows its stock SOLD/,
      ],
      ["product-svc", "DELETE FROM reservations WHERE order_id = ':paid'", "orders/:paid", /knows nothing of it/],
    ],
  ),
  ...pair(
    "I2",
    ["payment-svc", "order-svc"],
    [
      ["order-svc", "DELETE FROM orders WHERE id = ':paid'", "payments/:paid", /no such order/],
      ["payment-svc", "UPDATE payments SET amount_minor = 1 WHERE id = ':paid'", "payments/:paid", /total is 2598/],
      ["payment-svc", "UPDATE payments SET user_id = 'eve' WHERE id = ':paid'", "payments/:paid", /users\/eve/],
    ],
  ),
  ...pair(
    "I2",
    ["product-svc", "order-svc"],
    [
      ["order-svc", "DELETE FROM orders WHERE id = ':short'", "orders/:short", /no such order/],
      ["product-svc", "UPDATE reservation_lines SET quantity = 1 WHERE order_id = ':paid'", "orders/:paid", /SOLD is/],
      ["order-svc", "UPDATE orders SET confirm_time = NULL WHERE id = ':paid'", "orders/:paid", /never confirmed/],
      [
        "product-svc",
        "UPDATE reservations SET state = 'RELEASED' WHERE order_id = ':paid'",
        "orders/:paid",
        /it is CONFIRMED/,
      ],
    ],
  ),
  ...pair(
    "I5",
    ["payment-svc", "test-provider"],
    [
      [
        "test-provider",
        "DELETE FROM operations WHERE key = 'capture/:paid'",
        "payments/:paid",
        /by the provider nothing/,
      ],
      ["test-provider", "DELETE FROM operations WHERE kind = 'refund'", "payments/:partly", /by the provider nothing/],
      [
        "test-provider",
        "UPDATE operations SET amount_minor = 1 WHERE key = 'capture/:paid'",
        "payments/:paid",
        /CAPTURED 1 EUR/,
      ],
      [
        "test-provider",
        "UPDATE operations SET status = 'CAPTURED' WHERE key = 'capture/:declined'",
        "payments/:declined",
        /DECLINED here/,
      ],
      [
        "test-provider",
        "INSERT INTO operations SELECT 'again', kind, status, capture_key, currency, amount_minor, create_time FROM operations WHERE key = 'capture/:paid'",
        "again",
        /nobody here asked/,
      ],
      [
        "test-provider",
        "INSERT INTO operations SELECT 'refund/:paid/lost', 'refund', 'REFUNDED', key, currency, 1, create_time FROM operations WHERE key = 'capture/:paid'",
        "refund/:paid/lost",
        /nobody here remembers it/,
      ],
    ],
  ),
  ...pair(
    "I10",
    ["order-svc", "product-svc"],
    [
      ["order-svc", "UPDATE products SET price_minor = 1 WHERE id = ':cup'", "products/:cup", /Cup at 1 EUR/],
      ["order-svc", "UPDATE products SET version = 99 WHERE id = ':cup'", "products/:cup", /version 99/],
      ["product-svc", "DELETE FROM products WHERE id = ':old'", "products/:old", /no such product/],
    ],
    true,
  ),
  ...pair(
    "I10",
    ["order-svc", "product-svc"],
    [
      ["order-svc", "UPDATE products SET version = 1 WHERE id = ':cup'", "products/:cup", /version 1/],
      [
        "product-svc",
        "DELETE FROM inbox WHERE aggregate = 'orders/:declined'",
        "orders/:declined",
        /has not handled it/,
      ],
    ],
    true,
  ),
  ...pair(
    "I10",
    ["product-svc", "order-svc"],
    [
      [
        "order-svc",
        "UPDATE outbox SET event_id = 'other' WHERE aggregate = 'orders/:short' AND version = 1",
        "orders/:short",
        /is nothing/,
      ],
    ],
    true,
  ),
  ...pair(
    "I1",
    ["order-svc", "product-svc"],
    [
      [
        "order-svc",
        "UPDATE orders SET stock_state = 'RESERVED' WHERE id = ':paid'",
        "orders/:paid",
        /waits for its stock to be sold/,
      ],
      ["order-svc", "UPDATE orders SET state = 'PENDING' WHERE id = ':paid'", "orders/:paid", /waits for its stock/],
    ],
    true,
  ),
  ...pair(
    "I1",
    ["order-svc", "payment-svc"],
    [
      [
        "order-svc",
        "UPDATE orders SET refunded_minor = 0 WHERE id = ':returned'",
        "orders/:returned",
        /waits for its refund/,
      ],
      [
        "order-svc",
        "UPDATE orders SET payment_state = NULL WHERE id = ':short'",
        "orders/:short",
        /payment to be closed/,
      ],
    ],
    true,
  ),
  ...pair(
    "I2",
    ["order-svc", "payment-svc"],
    [
      [
        "payment-svc",
        "UPDATE refunds SET state = 'REQUESTED' WHERE payment_id = ':partly'",
        "orders/:partly",
        /the order knows of 2598 and 500/,
      ],
      ["payment-svc", "UPDATE payments SET state = 'VOIDED' WHERE id = ':paid'", "orders/:paid", /payment VOIDED/],
    ],
    true,
  ),
  ...pair(
    "I5",
    ["payment-svc", "test-provider"],
    [["payment-svc", "UPDATE payments SET state = 'CAPTURING' WHERE id = ':paid'", "payments/:paid", /not yet booked/]],
    true,
  ),
];

type Case = readonly [sql: string, about: string];

function rules(invariant: Invariant, source: AuditSource, cases: Record<string, Case>, atRest?: true): Offence[] {
  return Object.entries(cases).map(([rule, [sql, about]]) => ({ invariant, source, rule, sql, about, atRest }));
}

function pair(
  invariant: Invariant,
  between: readonly AuditSource[],
  cases: readonly (readonly [source: AuditSource, sql: string, about: string, says: RegExp])[],
  atRest?: true,
): Offence[] {
  return cases.map(([source, sql, about, says]) => ({ invariant, between, source, sql, about, says, atRest }));
}

describe("the audit", function () {
  this.timeout(60_000);
  let folder: string;
  let names: Names;
  let endTime: number;
  const midFlow: Finding[] = [];
  let looks = 0;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "quartet-audit-"));
    const sound = join(folder, "sound");
    const shop = await openSmallShop(sound, startTime);
    const look = async () => {
      looks += 1;
      const mode = looks % 2 === 0 ? "rest" : "storm";
      midFlow.push(...(await audit(portOf(sound), { mode, now: shop.now })).findings);
    };
    for (const user of ["ada", "bob"]) await shop.signUp(user);
    const [cup, rare, old] = [await shop.createProduct(100), await shop.createProduct(1), await shop.createProduct(7)];
    await shop.adjustStock(cup, -10);
    await shop.archiveProduct(old);
    await shop.adjustStock(old, -7);
    await shop.settle(look);
    const order = async (product: string, token?: string) => {
      const id = await shop.order("ada", product, token);
      await shop.settle(look);
      return id;
    };
    const [paid, declined, short] = [await order(cup), await order(cup, "tok_declined"), await order(rare)];
    const [returned, partly] = [await order(cup, "tok_lost"), await order(cup, "tok_refund_timeout")];
    await shop.cancel(returned);
    await shop.refund(partly, 500);
    const deserted = await shop.order("bob", cup);
    await shop.deleteAccount("bob");
    await shop.settle(look);
    names = { cup, old, paid, declined, short, returned, partly, deserted };
    endTime = shop.now();
    await shop.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const named = (text: string) => text.replace(/:(\w+)/g, (all, name) => names[name as keyof Names] ?? all);
  /** Much later: nothing has an excuse to wait. */
  const later = () => endTime + 3_600_000;

  /** The report about a copy of the shop to which something was done. */
  async function auditAfter(
    damage: Partial<Record<AuditSource, string>>,
    options: AuditOptions & { port?: object } = {},
  ) {
    const copy = mkdtempSync(join(folder, "copy-"));
    cpSync(join(folder, "sound"), copy, { recursive: true });
    for (const [source, sql] of Object.entries(damage)) {
      const database = new BetterSqlite3(databaseFile(copy, source as AuditSource));
      database.exec(`${unguarded} ${deadTriggers[source as AuditSource] ?? ""} ${named(sql)}`);
      database.close();
    }
    return { report: await audit({ ...portOf(copy), ...options.port }, { now: later, ...options }), copy };
  }

  it("finds nothing in a sound shop, and has looked at everything", async () => {
    const { report } = await auditAfter({});
    assert.deepEqual([...report.findings, ...report.waiting].map(describeFinding), []);
    assert.deepEqual(report.unseen, []);
    assert.equal(report.books.first("order-svc", "orders")?.length, 6);
  });

  it("finds nothing at any moment on the way there", () => {
    assert.ok(looks > 40, `${looks} looks`);
    assert.deepEqual(midFlow.map(describeFinding), []);
  });

  it("has a case for every rule about one database", () => {
    const tried = new Set(offences.map(({ rule }) => rule));
    assert.deepEqual(
      rowRules.filter(({ name }) => !tried.has(name)).map(({ name }) => name),
      [],
    );
  });

  for (const { invariant, rule, source, sql, about, between, says, atRest } of offences) {
    it(`finds an offence against ${invariant}: ${rule ?? `${between?.join(" and ")}, ${says?.source}`}`, async () => {
      const { report, copy } = await auditAfter({ [source]: sql });
      const isIt = (finding: Finding) =>
        finding.invariant === invariant &&
        finding.about === named(about) &&
        finding.services.join() === (between ?? [source]).join() &&
        (says ?? /./).test(finding.what);
      assert.ok(report.findings.some(isIt), report.findings.map(describeFinding).join("\n"));
      if (rule !== undefined) {
        const query = rowRules.find((candidate) => candidate.source === source && candidate.name === rule)?.sql ?? "";
        assert.notDeepEqual(readSnapshot(databaseFile(copy, source), { query }).query, []);
      }
      const storm = await audit(portOf(copy), { now: later, mode: "storm" });
      assert.equal(storm.findings.some(isIt), atRest === undefined, "found in a storm");
    });
  }

  describe("finds nothing wrong with what the provider returned without us,", () => {
    const whole = "UPDATE refunds SET amount_minor = (SELECT amount_minor FROM payments WHERE id = ':partly')";
    const ofRefund = "WHERE payment_id = ':partly'";
    const found = async (sql: string) => {
      const { report } = await auditAfter({ "payment-svc": sql }, { mode: "storm" });
      const own = new Set(["I2", "I8"]);
      return report.findings.filter(
        ({ invariant, services }) => own.has(invariant) && services.join() === "payment-svc",
      );
    };
    const cases = {
      "for which a refund has gone": `UPDATE refunds SET id = ':partly/another' ${ofRefund}; ${whole} ${ofRefund}`,
      "and of which nobody knows who asked for it": `UPDATE refunds SET request_hash = NULL ${ofRefund}`,
      "while more is asked for": `INSERT INTO refunds SELECT id || '/cancel', payment_id, 1, 'REQUESTED', 0, 0, '', NULL FROM refunds
        WHERE payment_id = ':returned'`,
    };
    for (const [what, sql] of Object.entries(cases)) {
      it(what, async () => assert.deepEqual((await found(sql)).map(describeFinding), []));
    }

    it("but a refund that is gone though something is left", async () => {
      const [lost] = await found(`DELETE FROM refunds ${ofRefund}`);
      assert.equal(lost?.invariant, "I8");
      assert.match(lost?.what ?? "", /is remembered for a refund, and that is missing/);
    });
  });

  it("finds an acknowledged order that is not there", async () => {
    const { report } = await auditAfter({}, { acknowledged: [names.paid, "orders/lost"] });
    assert.deepEqual(report.findings.map(describeFinding), [
      "I1 order-svc: orders/lost: was acknowledged and is not there",
    ]);
  });

  describe("about messages in queues", () => {
    /** What is found and what waits, when the broker has these messages at each look. */
    const found = async (depths: readonly Readonly<Record<string, number>>[], down: readonly string[] = []) => {
      let asked = 0;
      const queues = async () => {
        const look = depths[asked++];
        if (look === undefined) throw new Error("it does not answer");
        return Object.entries(look).map(([queue, messages]) => ({ queue, messages }));
      };
      const { report } = await auditAfter({}, { port: { queues, down: async () => down } });
      const [findings, waiting] = [report.findings, report.waiting].map((which) => which.map(describeFinding));
      return { findings, waiting, asked };
    };
    const live = "I6 order-svc: queue order-svc.events: 2 messages are in it";
    const dead = "I6 order-svc: queue order-svc.events.dead: 1 messages are in it";
    const some = { "order-svc.events": 2, "order-svc.events.dead": 1 };

    it("takes them for on their way, and asks once", async () => {
      const { findings, waiting, asked } = await found([{ "order-svc.events": 2, "order-svc.events.dead": 0 }]);
      assert.deepEqual([findings, waiting, asked], [[], [live], 1]);
    });

    it("finds an offence against I6 in dead letters that stay, as their service takes them out at once", async () => {
      assert.deepEqual(await found([some, some]), { findings: [dead], waiting: [live], asked: 2 });
    });

    it("waits for dead letters that go, or of which nothing more is known", async () => {
      for (const depths of [[some, { ...some, "order-svc.events.dead": 0 }], [some]]) {
        assert.deepEqual(await found(depths), { findings: [], waiting: [live, dead], asked: 2 });
      }
    });

    it("waits for dead letters while their service or the broker is down, and for no other", async () => {
      for (const down of ["order-svc", "rabbitmq"]) assert.deepEqual((await found([some, some], [down])).findings, []);
      assert.deepEqual((await found([some, some], ["user-svc"])).findings, [dead]);
    });

    it("leaves the dead letters of others to them", async () => {
      const foreign = { "analytics.events.dead": 1 };
      assert.deepEqual((await found([foreign, foreign])).findings, []);
    });
  });

  describe("about an order that is not final", () => {
    const open = { "order-svc": "UPDATE orders SET stock_state = 'RESERVED', update_time = 9e12 WHERE id = ':paid'" };
    const at = 9e12;
    const about = (found: readonly Finding[]) => found.filter(({ invariant }) => invariant === "I1").length;

    it("waits for it as long as was said", async () => {
      const young = await auditAfter(open, { now: () => at + 30_000 });
      const old = await auditAfter(open, { now: () => at + 30_001 });
      const bound = await auditAfter(open, { now: () => at + 30_001, waitMaxMs: 60_000 });
      const counts = [young, old, bound].map(({ report }) => [about(report.findings), about(report.waiting)]);
      assert.deepEqual(counts, [
        [0, 1],
        [1, 0],
        [0, 1],
      ]);
    });

    it("waits for it while a part that it needs is down, and for no other", async () => {
      const downs = ["product-svc", "order-svc", "rabbitmq", "payment-svc"];
      const found = downs.map(async (part) => {
        const { report } = await auditAfter(open, { now: () => at + 60_000, port: { down: async () => [part] } });
        return about(report.findings);
      });
      assert.deepEqual(await Promise.all(found), [0, 0, 0, 1]);
    });
  });

  it("says what it could not look at, and judges the rest", async () => {
    const failing = async (source: AuditSource, queries: Record<string, string>) => {
      if (source === "payment-svc") throw new Error("it does not answer");
      return await portOf(join(folder, "sound")).read(source, queries);
    };
    const { report } = await auditAfter({}, { port: { read: failing, queues: undefined } });
    assert.deepEqual(report.findings.map(describeFinding), []);
    assert.deepEqual(report.unseen, ["payment-svc: it does not answer", "the queues of the broker"]);
  });

  it("forgives parked messages that were poisoned on purpose, by their ids", async () => {
    const parked = {
      "product-svc": "UPDATE inbox SET state = 'parked', payload = x'' WHERE aggregate = 'orders/:paid'",
    };
    const { copy } = await auditAfter(parked);
    const { ids } = readSnapshot(databaseFile(copy, "product-svc"), {
      ids: "SELECT message_id AS id FROM inbox WHERE state = 'parked'",
    }) as { ids: { id: string }[] };
    const { report } = await auditAfter(parked, { poisoned: ids.map(({ id }) => id) });
    assert.equal(report.findings.filter(({ invariant }) => invariant === "I6").length, 0);
  });

  it("does not take an event that goes out again for one that was overtaken", async () => {
    const first = "aggregate = 'orders/:paid' AND version = 1";
    const overtaken = async (sql: string) => {
      const { report } = await auditAfter({ "order-svc": sql });
      return report.findings.some(({ invariant }) => invariant === "I7");
    };
    assert.equal(await overtaken(`UPDATE outbox SET sent_time = NULL WHERE ${first}`), true);
    assert.equal(await overtaken(`UPDATE outbox SET sent_time = NULL, sent_again = 1 WHERE ${first}`), false);
  });

  describe("about a file that is not whole", () => {
    /** What can become of a file, and what the audit says of it. */
    const damages: Readonly<Record<string, readonly [damage: (file: string) => void, says: RegExp]>> = {
      "with a page that was written over": [
        (file) => {
          const { roots = [] } = readSnapshot(file, {
            roots: "SELECT rootpage AS page FROM sqlite_schema WHERE name IN ('orders', 'operations')",
          });
          const [{ page }] = roots as [{ page: number }];
          const bytes = readFileSync(file);
          writeFileSync(file, bytes.fill(255, (page - 1) * pageBytes, page * pageBytes));
        },
        /^database disk image is malformed$/,
      ],
      "cut short": [(file) => truncateSync(file, 2 * pageBytes), /^database disk image is malformed$/],
      "with a broken header": [
        (file) => writeFileSync(file, readFileSync(file).fill(255, 0, 100)),
        /^file is not a database$/,
      ],
      "cut to nothing": [(file) => truncateSync(file), /^there is no .*\.sqlite, or nothing in it$/],
      "that was deleted": [(file) => rmSync(file), /^there is no .*\.sqlite, or nothing in it$/],
    };

    for (const [which, [damage, says]] of Object.entries(damages)) {
      for (const source of ["order-svc", "test-provider"] as const) {
        it(`finds an offence against I9: a file of ${source} ${which}`, async () => {
          const { copy } = await auditAfter({});
          damage(databaseFile(copy, source));
          const port = nativePort(readStackConfig({ QUARTET_DATA_DIR: copy }, rootDir));
          const { findings, unseen } = await audit(port, { now: later });
          const damaged = findings.filter(({ invariant }) => invariant === "I9");
          assert.deepEqual(
            damaged.map(({ about, services }) => [about, ...services]),
            [[source, source]],
          );
          assert.match(damaged[0]?.what ?? "", says);
          assert.deepEqual(unseen, ["the queues of the broker"]);
        });
      }
    }

    it("takes a service that never ran here for one that could not be looked at", async () => {
      const { copy } = await auditAfter({});
      rmSync(join(copy, "user-svc"), { recursive: true });
      const port = nativePort(readStackConfig({ QUARTET_DATA_DIR: copy }, rootDir));
      const { findings, unseen } = await audit(port, { now: later });
      assert.deepEqual(findings.map(describeFinding), []);
      assert.match(unseen[0] ?? "", /^user-svc: there is no /);
    });
  });

  describe("when old rows were removed", () => {
    const cleaned = (where: string) =>
      Object.fromEntries(
        serviceNames.map((service) => [
          service,
          `DELETE FROM outbox WHERE ${where}; DELETE FROM inbox WHERE ${where === "true" ? where : "false"};
           DELETE FROM request_claims WHERE ${where === "true" ? where : "false"};`,
        ]),
      );

    it("misses none of them after a week", async () => {
      for (const where of ["true", `sent_time < ${startTime + 300}`]) {
        const { report } = await auditAfter(cleaned(where), { now: () => endTime + 7 * dayMs });
        assert.deepEqual(report.findings.map(describeFinding), []);
      }
    });

    it("misses them before", async () => {
      const { report } = await auditAfter(cleaned("true"), { now: () => endTime + 6 * dayMs });
      assert.ok(report.findings.some(({ invariant }) => invariant === "I10"));
    });
  });

  describe("as a command", () => {
    const cli = join(import.meta.dirname, "..", "stack", "cli.ts");
    const run = (dataDir: string, env = {}) =>
      spawnSync(process.execPath, [cli, "audit"], {
        encoding: "utf8",
        env: { PATH: process.env.PATH, QUARTET_DATA_DIR: dataDir, ...env },
      });

    it("prints the figures of each service and each pair, and what it could not look at", () => {
      const { status, stdout } = run(join(folder, "sound"));
      const lines = stdout.split("\n").map((line) => line.trim().replace(/ {2,}/g, "  "));
      for (const line of [
        "orders  6: 4 CANCELLED, 2 CONFIRMED",
        "pieces: 87 available + 0 held + 4 sold  91 = 91 put in",
        "payments  6: 3 CAPTURED, 1 DECLINED, 2 VOIDED",
        "captured  7,794 EUR = 7,794 EUR",
        "refunded  3,098 EUR = 3,098 EUR",
        "captured less refunded, and the ledger's PROVIDER_RECEIVABLE  4,696 EUR = 4,696 EUR",
        "shop.order.v1.OrderPlaced  6 published = 6 handled",
        "the queues of the broker",
        "What was looked at adds up.",
      ]) {
        assert.ok(lines.includes(line), `no "${line}" in\n${stdout}`);
      }
      assert.equal(status, 0);
    });

    it("names what does not add up, and fails", async () => {
      const { copy } = await auditAfter({
        "product-svc": "UPDATE products SET available = available + 1 WHERE id = ':cup'",
      });
      const { status, stdout } = run(copy);
      assert.match(stdout, /pieces: .* 92 ≠ 91 put in/);
      assert.ok(
        stdout.includes(`product-svc: products/${names.cup}: 87 available, 0 held and 4 sold, but 90 were put in`),
      );
      assert.equal(status, 1);
    });

    it("waits as long as it is told, and says which setting is wrong", async () => {
      const update = `UPDATE orders SET stock_state = 'RESERVED', update_time = ${Date.now() - 60_000} WHERE id = ':paid'`;
      const { copy } = await auditAfter({ "order-svc": update });
      const { report } = await auditAfter({ "order-svc": update }, { now: Date.now, waitMaxMs: 3_600_000 });
      assert.equal(report.findings.length, 0);
      assert.match(run(copy).stdout, /Still on its way, or waiting for a part that is down: 1\n/);
      assert.match(run(copy, { WAIT_S: "soon" }).stderr, /WAIT_S must be a number of seconds, not "soon"/);
    });

    it("names a file that is damaged, and one that is gone, and fails", async () => {
      const { copy } = await auditAfter({});
      truncateSync(databaseFile(copy, "product-svc"), 2 * pageBytes);
      rmSync(databaseFile(copy, "user-svc"));
      const { status, stdout } = run(copy);
      assert.match(stdout, /I9: every file is whole\n {4}product-svc: product-svc: database disk image is malformed\n/);
      assert.match(stdout, /^ {4}user-svc: user-svc: there is no .*user-svc\.sqlite, or nothing in it$/m);
      assert.equal(status, 1);
    });

    it("says that there is nothing to audit, and fails", async () => {
      const { copy } = await auditAfter({});
      for (const source of [...serviceNames, "test-provider"] as const) rmSync(databaseFile(copy, source));
      for (const dataDir of [join(folder, "none"), copy]) {
        const { status, stdout } = run(dataDir);
        assert.match(stdout, /There is nothing here to audit: make up\n$/);
        assert.equal(status, 1);
      }
    });

    describe("in two steps, for a system whose files only programs beside them can read", () => {
      const judgeReading = (lines: readonly string[]) =>
        spawnSync(process.execPath, [join(import.meta.dirname, "judge-reading.ts")], {
          encoding: "utf8",
          input: lines.join("\n"),
        });
      /** What the looks of the plan see in the shop, as lines. */
      const looked = async (instead: (source: AuditSource) => string | undefined) => {
        const port = portOf(join(folder, "sound"));
        const answers = planOf("rest").map(
          async ({ source, queries }) => instead(source) ?? `rows ${JSON.stringify(await port.read(source, queries))}`,
        );
        return await Promise.all(answers);
      };

      it("says the same", async () => {
        const { status, stdout } = judgeReading(["queues", ...(await looked(() => undefined))]);
        assert.match(stdout, /Everything adds up\.\n$/);
        assert.equal(status, 0);
      });

      it("names dead letters that are there at the beginning and at the end, and fails", async () => {
        const rows = await looked(() => undefined);
        const dead = ["queues", "queue order-svc.events 1", "queue order-svc.events.dead 1"];
        const { status, stdout } = judgeReading([...dead, ...rows, ...dead]);
        assert.match(stdout, /\n {4}order-svc: queue order-svc\.events\.dead: 1 messages are in it\n\n1 findings/);
        assert.equal(status, 1);
        assert.equal(judgeReading([...dead, ...rows]).status, 0);
      });

      it("names a file that is damaged, and fails", async () => {
        const damaged = (source: AuditSource) => (source === "test-provider" ? "damaged it is torn" : undefined);
        const { status, stdout } = judgeReading(["queues", ...(await looked(damaged))]);
        assert.match(stdout, /I9: every file is whole\n {4}test-provider: test-provider: it is torn\n\n1 findings/);
        assert.equal(status, 1);
      });
    });
  });

  it("knows who consumes and who publishes what, as the contract has it", () => {
    const catalog = eventCatalog(loadContract().registry.files);
    assert.deepEqual(
      Object.fromEntries(Object.entries(consumersOf).map(([type, names]) => [type, [publisherOf(type), ...names]])),
      Object.fromEntries(
        [...catalog.values()].map(({ type, publisher, consumers }) => [type, [publisher, ...consumers]]),
      ),
    );
  });
});

function portOf(dataDir: string): AuditPort {
  return {
    read: async (source, queries) => readSnapshot(databaseFile(dataDir, source), queries) as Record<string, unknown[]>,
    queues: async () => [],
  };
}
