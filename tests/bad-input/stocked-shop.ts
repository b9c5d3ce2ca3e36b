import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { logIn, newCustomer, newProduct, password, type ShopClient } from "../e2e/shop-client.ts";
import type { System } from "../e2e/system.ts";
import type { CallerName } from "./bad-call.ts";

/** A product costs this at most, so that eleven thousand of them cost more than an order may. */
const dearest = "100000000";
const dearProductCount = 11;

/** A shop in which everything has come to rest, with what bad calls refer to. */
export interface StockedShop {
  readonly tokens: Readonly<Record<CallerName, string | undefined>>;
  readonly customerEmail: string;
  readonly password: string;
  /** Resource names. */
  readonly customer: string;
  readonly stranger: string;
  readonly strangersSession: string;
  readonly cup: string;
  readonly dollarCup: string;
  readonly archivedCup: string;
  readonly dear: readonly string[];
  /** A settled order of the customer, its payment, and the request id that placed it. */
  readonly order: string;
  readonly payment: string;
  readonly requestId: string;
  /** A payment that was declined. */
  readonly declinedPayment: string;
  /** Tokens of a second page: of the customer's orders, the products, the payments. */
  readonly pageTokens: Readonly<Record<"orders" | "products" | "payments" | "users" | "orderEvents", string>>;
  readonly usedRefreshToken: string;
}

/** Fills a new system. */
export async function stockShop(system: System): Promise<StockedShop> {
  const { gateway } = system;
  const admin = await logIn(gateway, system.admin);
  const customer = await newCustomer(gateway);
  const stranger = await newCustomer(gateway);
  const cup = await newProduct(admin);
  const dollarCup = await newProduct(admin, { price: { currency: "USD", minorUnits: "1299" } });
  const archivedCup = await newProduct(admin);
  const dear = await Promise.all(
    Array.from({ length: dearProductCount }, () =>
      newProduct(admin, { price: { currency: "EUR", minorUnits: dearest }, initialQuantity: 1_000 }),
    ),
  );
  ok(await admin.call("POST", `/v1/${archivedCup}:archive`, {}));

  const requestId = randomUUID();
  const lines = [{ product: cup, quantity: 1 }];
  const order = await customer.order(lines, "tok_visa", { "idempotency-key": requestId });
  const second = await customer.order(lines, "tok_declined");
  const known = await customer.order([{ product: dollarCup, quantity: 1 }]);
  for (const placed of [order, second, known]) await customer.settles(placed);

  const pageToken = async (client: ShopClient, path: string): Promise<string> => {
    const { nextPageToken } = ok(await client.get(`${path}?pageSize=1`));
    assert.ok(nextPageToken, `${path} has one page`);
    return nextPageToken;
  };
  const me = ok(await customer.get("/v1/users/me"));
  const her = ok(await stranger.get("/v1/users/me"));
  const login = ok(await stranger.call("POST", "/v1/sessions", { email: her.email, password }));
  // Used up, and its session has ended, so that using it again changes nothing more.
  const { refreshToken } = ok(await stranger.call("POST", "/v1/sessions", { email: her.email, password }));
  const renewed = ok(await stranger.call("POST", "/v1/sessions:refresh", { refreshToken }));
  ok(await stranger.call("DELETE", `/v1/${renewed.name}`));

  // What was told of all this has been sent and handled: from now on nothing changes by itself.
  await assertBooksAgree(system);
  return {
    tokens: { nobody: undefined, customer: customer.token, stranger: stranger.token, admin: admin.token },
    customerEmail: customer.email,
    password,
    customer: me.name,
    stranger: her.name,
    strangersSession: login.name,
    cup,
    dollarCup,
    archivedCup,
    dear,
    order: order.name,
    payment: order.name.replace("orders/", "payments/"),
    requestId,
    declinedPayment: second.name.replace("orders/", "payments/"),
    pageTokens: {
      orders: await pageToken(customer, "/v1/orders"),
      products: await pageToken(customer, "/v1/products"),
      payments: await pageToken(customer, "/v1/payments"),
      users: await pageToken(admin, "/v1/users"),
      orderEvents: await pageToken(customer, `/v1/${order.name}/events`),
    },
    usedRefreshToken: refreshToken,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
function ok({ status, body }: { status: number; body: any }): any {
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}
