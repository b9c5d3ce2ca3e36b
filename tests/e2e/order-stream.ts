import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { waitUntil } from "../../tools/stack/ready.ts";
import { type Line, type OrderJson, patient, type ShopClient } from "./shop-client.ts";

/** How an order of the stream has to end. */
type Ending = "settled" | "declined" | "out of stock" | "cancelled";

/** Orders of every kind that are placed, repeated and awaited while something else goes wrong. */
export interface OrderStream {
  /** Resolves when this many orders are acknowledged; rejects when the stream has failed. */
  acknowledged(count: number): Promise<void>;
  /** Resolves when every order has ended as it has to; rejects with the first that has not. */
  finished(): Promise<void>;
  /** What callers got while a part was away, each counted. */
  readonly interruptions: ReadonlyMap<number | string, number>;
}

interface Kind {
  readonly ending: Ending;
  readonly token: string;
}

/** Payments that go well do so at once, or after an answer or a question to the provider was lost. */
const kinds: readonly Kind[] = [
  { ending: "settled", token: "tok_visa" },
  { ending: "declined", token: "tok_declined" },
  { ending: "cancelled", token: "tok_visa" },
  { ending: "settled", token: "tok_timeout" },
  { ending: "out of stock", token: "tok_visa" },
  { ending: "settled", token: "tok_visa" },
  { ending: "cancelled", token: "tok_delay_100" },
  { ending: "settled", token: "tok_lost" },
];
const expected: Readonly<Record<Ending, readonly [state: string, reason: string]>> = {
  settled: ["STATE_CONFIRMED", "CANCEL_REASON_UNSPECIFIED"],
  declined: ["STATE_CANCELLED", "CANCEL_REASON_PAYMENT_DECLINED"],
  "out of stock": ["STATE_CANCELLED", "CANCEL_REASON_OUT_OF_STOCK"],
  cancelled: ["STATE_CANCELLED", "CANCEL_REASON_REQUESTED"],
};
const streamTimeoutMs = 120_000;

/**
 * Starts a stream of `count` orders, `concurrency` at a time, each followed to its end before the next begins. Every
 * order is sent twice with one idempotency key. `soldOut` is a product of which there is none.
 */
export function startOrderStream(options: {
  customer: ShopClient;
  product: string;
  soldOut: string;
  count: number;
  concurrency?: number;
}): OrderStream {
  const { product, soldOut, count, concurrency = 4 } = options;
  const interruptions = new Map<number | string, number>();
  const customer = patient(options.customer, (what) => interruptions.set(what, (interruptions.get(what) ?? 0) + 1));
  let started = 0;
  let acknowledged = 0;
  let failure: unknown;

  const follow = async ({ ending, token }: Kind) => {
    const lines: Line[] = [{ product, quantity: 1 }];
    if (ending === "out of stock") lines.push({ product: soldOut, quantity: 1 });
    const key = { "idempotency-key": randomUUID() };
    const order = await customer.order(lines, token, key);
    acknowledged += 1;
    if (ending === "cancelled") await customer.cancel(order);
    const repeated: OrderJson = await customer.order(lines, token, key);
    assert.equal(repeated.name, order.name, "a repeated request made another order");
    const { state, cancelReason } = await customer.settles(order);
    assert.deepEqual([state, cancelReason], expected[ending], `${order.name} (${token})`);
  };
  const work = async () => {
    while (started < count && failure === undefined) {
      const kind = kinds[started % kinds.length] as Kind;
      started += 1;
      await follow(kind);
    }
  };
  const done = Promise.all(Array.from({ length: concurrency }, work)).then(
    () => {},
    (error: unknown) => {
      failure = error;
    },
  );

  return {
    interruptions,
    async acknowledged(wanted) {
      const isThere = await waitUntil(() => failure !== undefined || acknowledged >= wanted, streamTimeoutMs, 5);
      if (failure !== undefined) throw failure;
      assert.ok(isThere, `${acknowledged} of ${wanted} orders were acknowledged`);
    },
    async finished() {
      await done;
      if (failure !== undefined) throw failure;
    },
  };
}
