import assert from "node:assert/strict";
import type { UserCaller } from "@quartet/chassis/rpc/caller";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { administrator, type PatientCall } from "./customers.ts";
import type { EmptyDatabases } from "./shop.ts";
import { openStage, type Stage } from "./stage.ts";

/** What the parts of a shop say in the end about the one order. Amounts are in minor units. */
export interface EndState {
  readonly order: string;
  readonly captured: number;
  readonly refunded: number;
  readonly stock: string | undefined;
  readonly payment: string | undefined;
  /** What the provider moved for the order: each capture, and each refund with a minus. */
  readonly provider: readonly number[];
  /** What the ledger has at the provider. */
  readonly ledger: number;
  readonly available: number;
  readonly held: number;
  readonly sold: number;
}

/** A shop in which nothing goes wrong but what a script makes go wrong. */
export interface ScriptedShop {
  readonly call: PatientCall;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly newRequestId: () => string;
  readonly broker: Stage["shop"]["broker"];
  readonly ada: UserCaller;
  /** Name of a product of which there are 10 at 5.00 EUR. */
  readonly cup: string;
  /** Waits until a query finds something. */
  until(service: "order-svc" | "product-svc" | "payment-svc", sql: string): Promise<void>;
}

const openingMs = 2_000;
const pollIntervalMs = 50;
const pollsMax = 2_000;

/**
 * Plays a script in a shop of its own, lets everything come to rest and resolves with what the parts then say about the
 * one order that the script has placed. Asserts that nothing has happened on the way that must not.
 */
export async function play(
  empty: EmptyDatabases,
  script: (shop: ScriptedShop) => Promise<void>,
  options: { readonly processes?: number } = {},
): Promise<EndState> {
  const stage = openStage({ seed: "script", empty });
  const { world, shop, customers } = stage;
  try {
    for (let count = 1; count < (options.processes ?? 1); count++) for (const service of shop.services) service.start();
    customers.begin(openingMs, "script", async () => {
      const { call, sleep, newRequestId } = customers;
      const { name: cup } = await call(
        ProductService.method.createProduct,
        { displayName: "Cup", category: "kitchen", price: { currency: "EUR", minorUnits: 500n }, initialQuantity: 10 },
        administrator,
      );
      const { name: user } = await call(UserService.method.createUser, {
        email: "ada@example.org",
        password: "correct horse battery staple",
        displayName: "Ada",
      });
      const ada: UserCaller = { kind: "user", userId: user.replace("users/", ""), role: "customer", sessionId: "s" };
      const until: ScriptedShop["until"] = async (service, sql) => {
        for (let polls = 0; polls < pollsMax; polls++) {
          if (shop.query(service, sql).length > 0) return;
          await sleep(pollIntervalMs);
        }
        throw new Error(`never in ${service}: ${sql}`);
      };
      await script({ call, sleep, newRequestId, broker: shop.broker, ada, cup, until });
    });
    await stage.runUntil(() => customers.busyCount === 0);
    await stage.settle();
    assert.deepEqual(world.violations, [], world.tail(60).join("\n"));
    return endState(stage);
  } finally {
    stage.close();
  }
}

function endState({ shop }: Stage): EndState {
  const one = <Row>(service: Parameters<typeof shop.query>[0], sql: string): Row | undefined => {
    const rows = shop.query<Row>(service, sql);
    assert.ok(rows.length <= 1, `${rows.length} rows: ${sql}`);
    return rows[0];
  };
  const order = one<{ state: string; reason: string | null; captured: number; refunded: number }>(
    "order-svc",
    "SELECT state, cancel_reason AS reason, captured_minor AS captured, refunded_minor AS refunded FROM orders",
  );
  assert.ok(order);
  const reservation = one<{ state: string }>("product-svc", "SELECT state FROM reservations");
  const product = one<{ available: number; held: number; sold: number }>(
    "product-svc",
    "SELECT available, held, sold FROM products",
  );
  assert.ok(product);
  const payment = one<{ state: string }>("payment-svc", "SELECT state FROM payments");
  const provider = shop.query<{ minor: number }>(
    "test-provider",
    `SELECT CASE kind WHEN 'refund' THEN -amount_minor ELSE amount_minor END AS minor FROM operations
     WHERE status <> 'DECLINED' ORDER BY rowid`,
  );
  const ledger = one<{ minor: number }>(
    "payment-svc",
    `SELECT coalesce(sum(debit_minor - credit_minor), 0) AS minor FROM ledger_entries
     WHERE account = 'PROVIDER_RECEIVABLE'`,
  );
  return {
    order: [order.state, order.reason].filter((part) => part !== null).join(" "),
    captured: order.captured,
    refunded: order.refunded,
    stock: reservation?.state,
    payment: payment?.state,
    provider: provider.map(({ minor }) => minor),
    ledger: ledger?.minor ?? 0,
    ...product,
  };
}
