import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Answer, ShopClient } from "../../e2e/shop-client.ts";
import { type CheckoutPlan, planCheckouts } from "./checkout-plan.ts";
import { type Checkout, compareWithShop } from "./client-record.ts";

/** What a shop shows of three orders; the cases spoil it. */
interface Shown {
  // biome-ignore lint/suspicious/noExplicitAny: JSON as a shop would send it, to be spoilt.
  orders: any[];
  available: number;
  /** Names that repeated requests are answered with, by request id. */
  answers: Record<string, string>;
  refunded: string;
}

const cup = "products/cup";
const initial = 10;
const user = "users/ada";
const price = 1_299;

describe("what customers know", () => {
  const planOf = (name: string): CheckoutPlan =>
    planCheckouts(1, 100).find((plan) => plan.name === name) ?? assert.fail(name);
  const money = (minorUnits: number) => ({ currency: "EUR", minorUnits: String(minorUnits) });

  /** Two that are paid, of which one is refunded in part, and one that was cancelled; as they are and as they are shown. */
  const small = () => {
    const shown: Shown = {
      orders: [
        { ...shownOrder("paid"), captured: money(price), refunded: money(0) },
        { ...shownOrder("refunded"), captured: money(price), refunded: money(300) },
        {
          ...shownOrder("cancelled"),
          state: "STATE_CANCELLED",
          cancelReason: "CANCEL_REASON_REQUESTED",
          captured: money(price),
          refunded: money(price),
        },
      ],
      available: initial - 2,
      answers: { "request of paid": "orders/paid", "request of refunded": "orders/refunded" },
      refunded: "300",
    };
    shown.answers["request of cancelled"] = "orders/cancelled";
    const client = shopThatShows(shown);
    const checkouts: Checkout[] = [
      checkoutOf(client, "paid", planOf("paid")),
      { ...checkoutOf(client, "refunded", planOf("refunded in part")), refunds: new Map([["refund", 300]]) },
      {
        ...checkoutOf(client, "cancelled", planOf("cancelled at once")),
        isCancelled: true,
        end: "CANCELLED REQUESTED",
      },
    ];
    const compare = () => compareWithShop(client, checkouts, new Map([[cup, initial]]));
    return { shown, checkouts, compare };
  };

  it("agrees with a shop that has kept its promises", async () => {
    assert.deepEqual(await small().compare(), []);
  });

  const offences: readonly [what: string, spoil: (shown: Shown) => void, found: RegExp][] = [
    ["an order that is lost", ({ orders }) => orders.shift(), /orders\/paid was acknowledged and is lost/],
    ["an order listed twice", ({ orders }) => orders.push(orders[0]), /listed twice/],
    [
      "an order of nobody",
      ({ orders }) => orders.push({ ...orders[0], name: "orders/other" }),
      /orders\/other .* ordered by nobody/,
    ],
    ["another total", ({ orders }) => Object.assign(orders[0], { total: money(1) }), /the total is "1"/],
    ["another buyer", ({ orders }) => Object.assign(orders[0], { user: "users/eve" }), /the user is "users\/eve"/],
    [
      "other pieces",
      ({ orders }) => Object.assign(orders[0], { lines: [{ product: cup, quantity: 2 }] }),
      /what was ordered/,
    ],
    ["no payment", ({ orders }) => Object.assign(orders[0], { captured: money(0) }), /captured is "0"/],
    ["a refund that is lost", ({ orders }) => Object.assign(orders[1], { refunded: money(0) }), /refunded is 0/],
    ["a refund that is doubled", ({ orders }) => Object.assign(orders[1], { refunded: money(600) }), /refunded is 600/],
    [
      "a cancellation that is lost",
      ({ orders }) => Object.assign(orders[2], { state: "STATE_CONFIRMED", cancelReason: "CANCEL_REASON_UNSPECIFIED" }),
      /it was cancelled, and is CONFIRMED/,
    ],
    ["money kept", ({ orders }) => Object.assign(orders[2], { refunded: money(0) }), /refunded is "0"/],
    [
      "an order that is not final",
      ({ orders }) => Object.assign(orders[0], { state: "STATE_PENDING" }),
      /it ended as PENDING/,
    ],
    ["pieces that are lost", (shown) => Object.assign(shown, { available: 7 }), /7 pieces are available, not 8/],
    [
      "a request that makes another order",
      ({ answers }) => Object.assign(answers, { "request of paid": "orders/other" }),
      /the request of orders\/paid is answered with 200 orders\/other/,
    ],
    [
      "a repeated refund that is carried out again",
      (shown) => Object.assign(shown, { refunded: "600" }),
      /the refund refund of orders\/refunded is answered with 200, 600 refunded/,
    ],
  ];
  for (const [what, spoil, found] of offences) {
    it(`finds ${what}`, async () => {
      const { shown, compare } = small();
      spoil(shown);
      const problems = await compare();
      assert.ok(
        problems.some((problem) => found.test(problem)),
        JSON.stringify(problems),
      );
    });
  }

  it("leaves it open whether there is an order for a request that was never answered, but for one at most", async () => {
    const { shown, checkouts, compare } = small();
    const [paid = assert.fail()] = checkouts;
    delete paid.order;
    assert.deepEqual(await compare(), []);
    shown.orders.push({ ...shown.orders[0], name: "orders/other" });
    assert.match((await compare()).join(), /ordered by nobody/);
  });

  function shownOrder(id: string) {
    return {
      name: `orders/${id}`,
      user,
      state: "STATE_CONFIRMED",
      cancelReason: "CANCEL_REASON_UNSPECIFIED",
      lines: [{ product: cup, quantity: 1 }],
      total: money(price),
    };
  }
});

function checkoutOf(customer: ShopClient, id: string, plan: CheckoutPlan): Checkout {
  return {
    plan,
    customer,
    user,
    requestId: `request of ${id}`,
    lines: [{ product: cup, quantity: 1 }],
    totalMinor: price,
    order: `orders/${id}`,
    isCancelled: false,
    refunds: new Map(),
  };
}

/** A caller of a shop of which only that is there what is compared. */
function shopThatShows(shown: Shown): ShopClient {
  const answer = (body: unknown): Answer => ({ status: 200, body });
  const call: ShopClient["call"] = async (method, path, _body, headers = {}) => {
    if (method === "POST" && path === "/v1/orders") {
      return answer({ name: shown.answers[headers["idempotency-key"] ?? ""] });
    }
    if (method === "POST") return answer({ refunded: { minorUnits: shown.refunded } });
    if (path.startsWith("/v1/orders?")) return answer({ orders: structuredClone(shown.orders), nextPageToken: "" });
    return answer({ availableQuantity: shown.available });
  };
  return { call, get: (path: string) => call("GET", path) } as ShopClient;
}
