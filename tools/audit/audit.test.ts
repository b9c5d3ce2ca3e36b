import assert from "node:assert/strict";
import { loadContract } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import { after, before, describe, it } from "mocha";
import { serviceNames } from "../stack/stack-config.ts";
import { audit } from "./audit.ts";
import { consumersOf, publisherOf } from "./consumers.ts";
import { databaseFile } from "./database-file.ts";
import { type AuditSource, describeFinding, type Finding } from "./finding.ts";
import { rowRules } from "./plan.ts";
import { pairOffences } from "./testing/pair-offences.ts";
import { rowOffences } from "./testing/row-offences.ts";
import { leaveSoundShop, portOf, type SoundShop, startTime } from "./testing/sound-shop.ts";

const dayMs = 86_400_000;

describe("the audit", function () {
  this.timeout(60_000);
  let shop: SoundShop;

  before(async () => {
    shop = await leaveSoundShop();
  });
  after(() => shop?.remove());

  it("finds nothing in a sound shop, and has looked at everything", async () => {
    const { report } = await shop.auditAfter({});
    assert.deepEqual([...report.findings, ...report.waiting].map(describeFinding), []);
    assert.deepEqual(report.unseen, []);
    assert.equal(report.books.first("order-svc", "orders")?.length, 6);
  });

  it("finds nothing at any moment on the way there", () => {
    assert.ok(shop.looks > 40, `${shop.looks} looks`);
    assert.deepEqual(shop.midFlow.map(describeFinding), []);
  });

  it("has a case for every rule about one database", () => {
    const tried = new Set(rowOffences.map(({ rule }) => rule));
    assert.deepEqual(
      rowRules.filter(({ name }) => !tried.has(name)).map(({ name }) => name),
      [],
    );
  });

  for (const { invariant, rule, source, sql, about, between, says, atRest } of [...rowOffences, ...pairOffences]) {
    it(`finds an offence against ${invariant}: ${rule ?? `${between?.join(" and ")}, ${says?.source}`}`, async () => {
      const { report, copy } = await shop.auditAfter({ [source]: sql });
      const isIt = (finding: Finding) =>
        finding.invariant === invariant &&
        finding.about === shop.named(about) &&
        finding.services.join() === (between ?? [source]).join() &&
        (says ?? /./).test(finding.what);
      assert.ok(report.findings.some(isIt), report.findings.map(describeFinding).join("\n"));
      if (rule !== undefined) {
        const query = rowRules.find((candidate) => candidate.source === source && candidate.name === rule)?.sql ?? "";
        assert.notDeepEqual(readSnapshot(databaseFile(copy, source), { query }).query, []);
      }
      const storm = await audit(portOf(copy), { now: shop.later, mode: "storm" });
      assert.equal(storm.findings.some(isIt), atRest === undefined, "found in a storm");
    });
  }

  describe("finds nothing wrong with what the provider returned without us,", () => {
    const whole = "UPDATE refunds SET amount_minor = (SELECT amount_minor FROM payments WHERE id = ':partly')";
    const ofRefund = "WHERE payment_id = ':partly'";
    const found = async (sql: string) => {
      const { report } = await shop.auditAfter({ "payment-svc": sql }, { mode: "storm" });
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
    const { report } = await shop.auditAfter({}, { acknowledged: [shop.names.paid, "orders/lost"] });
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
      const { report } = await shop.auditAfter({}, { port: { queues, down: async () => down } });
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
      const young = await shop.auditAfter(open, { now: () => at + 30_000 });
      const old = await shop.auditAfter(open, { now: () => at + 30_001 });
      const bound = await shop.auditAfter(open, { now: () => at + 30_001, waitMaxMs: 60_000 });
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
        const { report } = await shop.auditAfter(open, { now: () => at + 60_000, port: { down: async () => [part] } });
        return about(report.findings);
      });
      assert.deepEqual(await Promise.all(found), [0, 0, 0, 1]);
    });
  });

  it("says what it could not look at, and judges the rest", async () => {
    const failing = async (source: AuditSource, queries: Record<string, string>) => {
      if (source === "payment-svc") throw new Error("it does not answer");
      return await portOf(shop.dataDir).read(source, queries);
    };
    const { report } = await shop.auditAfter({}, { port: { read: failing, queues: undefined } });
    assert.deepEqual(report.findings.map(describeFinding), []);
    assert.deepEqual(report.unseen, ["payment-svc: it does not answer", "the queues of the broker"]);
  });

  it("forgives parked messages that were poisoned on purpose, by their ids", async () => {
    const parked = {
      "product-svc": "UPDATE inbox SET state = 'parked', payload = x'' WHERE aggregate = 'orders/:paid'",
    };
    const { copy } = await shop.auditAfter(parked);
    const { ids } = readSnapshot(databaseFile(copy, "product-svc"), {
      ids: "SELECT message_id AS id FROM inbox WHERE state = 'parked'",
    }) as { ids: { id: string }[] };
    const { report } = await shop.auditAfter(parked, { poisoned: ids.map(({ id }) => id) });
    assert.equal(report.findings.filter(({ invariant }) => invariant === "I6").length, 0);
  });

  it("does not take an event that goes out again for one that was overtaken", async () => {
    const first = "aggregate = 'orders/:paid' AND version = 1";
    const overtaken = async (sql: string) => {
      const { report } = await shop.auditAfter({ "order-svc": sql });
      return report.findings.some(({ invariant }) => invariant === "I7");
    };
    assert.equal(await overtaken(`UPDATE outbox SET sent_time = NULL WHERE ${first}`), true);
    assert.equal(await overtaken(`UPDATE outbox SET sent_time = NULL, sent_again = 1 WHERE ${first}`), false);
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
        const { report } = await shop.auditAfter(cleaned(where), { now: () => shop.endTime + 7 * dayMs });
        assert.deepEqual(report.findings.map(describeFinding), []);
      }
    });

    it("misses them before", async () => {
      const { report } = await shop.auditAfter(cleaned("true"), { now: () => shop.endTime + 6 * dayMs });
      assert.ok(report.findings.some(({ invariant }) => invariant === "I10"));
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
