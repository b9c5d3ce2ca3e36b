import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import { type NativeSystem, startNativeSystem } from "./native-system.ts";
import { type Answer, logIn, newCustomer, newProduct, password, type ShopClient, shopClient } from "./shop-client.ts";
import type { PartName } from "./system.ts";

/** What callers, who repeat nothing, got instead of an answer that the shop means. */
interface Load {
  readonly calls: () => number;
  /** How many calls of a method were answered with what they asked for. */
  readonly answered: (method: string) => number;
  readonly failures: readonly string[];
  /** From the first failure to the last, ms. */
  readonly failingMs: () => number;
  end(): Promise<void>;
}

const workersPerKind = 2;
const failurePauseMs = 20;
/** How long a gateway may refuse connections while it is replaced. */
const refusingMaxMs = 5_000;
const manyCups = 1_000;
const loginsAtOnce = 12;
const loginsBeginMs = 15;

describe("the shop when its parts are replaced under load", function () {
  this.timeout(180_000);
  let system: NativeSystem;
  let admin: ShopClient;
  let ada: Awaited<ReturnType<typeof newCustomer>>;
  let cup: string;
  let payment: string;

  before(async () => {
    system = await startNativeSystem();
    admin = await logIn(system.gateway, system.admin);
    ada = await newCustomer(system.gateway);
    cup = await newProduct(admin, { initialQuantity: 100_000 });
    // Its price is known to order-svc from now on.
    const { name } = await ada.settles(await ada.order([{ product: cup, quantity: manyCups }]));
    payment = name.replace("orders/", "payments/");
  });
  after(async () => {
    await system?.close();
  });

  /** Calls of every service, changing and reading ones, one after another in each worker. */
  function startLoad(): Load {
    const failures: string[] = [];
    const failureTimes: number[] = [];
    const answered = new Map<string, number>();
    let calls = 0;
    let isOver = false;
    const check = async (what: string, call: () => Promise<Answer>): Promise<Answer | undefined> => {
      calls += 1;
      const answer = await call().catch((error: Error) => error);
      if (!(answer instanceof Error) && answer.status === 200) {
        answered.set(what, (answered.get(what) ?? 0) + 1);
        return answer;
      }
      const cause = answer instanceof Error ? `${answer.message}: ${answer.cause}` : JSON.stringify(answer);
      failures.push(`${what}: ${cause}`);
      failureTimes.push(performance.now());
      await delay(failurePauseMs);
      return undefined;
    };
    const kinds = {
      orders: async () => {
        const body = { lines: [{ product: cup, quantity: 1 }], paymentToken: "tok_visa" };
        const order = await check("CreateOrder", () => ada.call("POST", "/v1/orders", body));
        if (order === undefined) return;
        await check("CancelOrder", () => ada.call("POST", `/v1/${order.body.name}:cancel`, {}));
        await check("GetOrder", () => ada.get(`/v1/${order.body.name}`));
      },
      stock: async () => {
        const body = { quantityDelta: 1, reason: "counted" };
        await check("AdjustStock", () => admin.call("POST", `/v1/${cup}:adjustStock`, body));
        await check("GetProduct", () => shopClient(system.gateway).get(`/v1/${cup}`));
      },
      users: async () => {
        const account = { email: `${randomUUID()}@example.org`, password };
        const create = { ...account, displayName: "Bob" };
        const user = await check("CreateUser", () => shopClient(system.gateway).call("POST", "/v1/users", create));
        if (user !== undefined)
          await check("CreateSession", () => shopClient(system.gateway).call("POST", "/v1/sessions", account));
      },
      payments: async () => {
        const cent = { amount: { currency: "EUR", minorUnits: "1" }, reason: "a scratch", requestId: randomUUID() };
        await check("RefundPayment", () => admin.call("POST", `/v1/${payment}:refund`, cent));
        await check("ListPayments", () => admin.get("/v1/payments?pageSize=5"));
        await check("ListLedgerBalances", () => admin.get("/v1/ledgerBalances"));
      },
    };
    const work = async (kind: () => Promise<void>) => {
      while (!isOver) await kind();
    };
    const workers = Object.values(kinds).flatMap((kind) => Array.from({ length: workersPerKind }, () => work(kind)));
    return {
      calls: () => calls,
      answered: (method) => answered.get(method) ?? 0,
      failures,
      failingMs: () => (failureTimes.at(-1) ?? 0) - (failureTimes[0] ?? 0),
      async end() {
        isOver = true;
        await Promise.all(workers);
      },
    };
  }

  const pidOf = (part: string) => system.stack.status().find(({ name }) => name === part)?.pid;
  const replace = async (part: PartName) => {
    const before = pidOf(part);
    await system.stack.replace(part);
    await system.stack.ready({ names: [part] });
    assert.notEqual(pidOf(part), before, part);
  };

  it("answers every call while each service hands over to its successor, changes included", async () => {
    const load = startLoad();
    for (const service of serviceNames) await replace(service);
    await load.end();
    assert.deepEqual(load.failures, [], `of ${load.calls()} calls`);
    assert.ok(load.calls() > 200, `only ${load.calls()} calls`);
    await assertBooksAgree(system);
  });

  it("answers all that is carried out while the gateway is replaced, and refuses the rest for a moment", async () => {
    const made = async () => {
      const [[orders], [adjustments], [users], [refunds]] = await Promise.all([
        system.query<{ count: number }>("order-svc", "SELECT count(*) AS count FROM orders"),
        system.query<{ count: number }>("product-svc", "SELECT count(*) AS count FROM stock_adjustments"),
        system.query<{ count: number }>("user-svc", "SELECT count(*) AS count FROM users"),
        system.query<{ count: number }>("payment-svc", "SELECT count(*) AS count FROM refunds WHERE amount_minor = 1"),
      ]);
      return {
        CreateOrder: orders?.count ?? 0,
        AdjustStock: adjustments?.count ?? 0,
        CreateUser: users?.count ?? 0,
        RefundPayment: refunds?.count ?? 0,
      };
    };
    const before = await made();
    const load = startLoad();
    await replace("envoy");
    await load.end();
    // A connection that waited to be accepted, or for another call, when the gateway ended: nobody has read what was sent there.
    const [refused, refusingMs] = [load.failures.length, Math.round(load.failingMs())];
    console.log(
      `      ${load.calls()} calls, ${refused} of them refused, in ${refusingMs} ms from the first to the last`,
    );
    const broken = load.failures.filter((failure) => !/ECONNREFUSED|ECONNRESET|other side closed/.test(failure));
    assert.deepEqual(broken, [], `of ${load.calls()} calls`);
    const after = await made();
    for (const method of ["CreateOrder", "AdjustStock", "CreateUser", "RefundPayment"] as const) {
      assert.ok(load.answered(method) > 0, method);
      assert.equal(after[method] - before[method], load.answered(method), method);
    }
    assert.ok(refusingMs <= refusingMaxMs, `refused for ${refusingMs} ms`);
    await assertBooksAgree(system);
  });

  it("finishes what is under way before the gateway ends", async () => {
    // Passwords are hashed a few at a time, so the last of these take longer than a gateway needs to end.
    const account = { email: ada.email, password };
    const logins = Promise.allSettled(Array.from({ length: loginsAtOnce }, () => logIn(system.gateway, account)));
    await delay(loginsBeginMs);
    await replace("envoy");
    const failed = (await logins).filter(({ status }) => status === "rejected");
    assert.deepEqual(failed, []);
  });
});
