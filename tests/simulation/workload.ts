import type { UserCaller } from "@quartet/chassis/rpc/caller";
import { Order_State } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { administrator, type Customers, unless } from "./customers.ts";
import type { Promises } from "./promises.ts";
import type { Random } from "./random.ts";

/** What is there before the first customer comes. */
export interface Assortment {
  readonly users: readonly UserCaller[];
  /** Names of products: of the first there is plenty, of the second a little, of the third nothing. */
  readonly products: readonly string[];
}

/** How the payment provider behaves, by the token. */
const tokens: readonly (readonly [weight: number, token: string])[] = [
  [8, "tok_visa"],
  [3, "tok_declined"],
  [2, "tok_timeout"],
  [2, "tok_lost"],
  [1, "tok_fail_2"],
  [1, "tok_delay_700"],
  [0.3, "tok_delay_20000"],
  [1, "tok_refund_timeout"],
  [1, "tok_refund_lost"],
  [1, "tok_refund_fail_2"],
];
const pollIntervalMs = 250;
const pollsMax = 24;
const checkoutIntervalMs = 250;

/** Creates users and products through the services. */
export async function createAssortment(customers: Customers, random: Random): Promise<Assortment> {
  const { call, newRequestId } = customers;
  const users: UserCaller[] = [];
  for (const name of ["ada", "eve", "joe"]) {
    const request = { email: `${name}@example.org`, password: "correct horse battery staple", displayName: name };
    const user = await call(UserService.method.createUser, { ...request, requestId: newRequestId() });
    users.push({ kind: "user", userId: user.name.replace("users/", ""), role: "customer", sessionId: "s" });
  }
  const products: string[] = [];
  for (const initialQuantity of [200, random.integer(3, 12), 0, random.integer(5, 30)]) {
    const price = { currency: "EUR", minorUnits: BigInt(random.integer(1, 5_000)) };
    const request = { displayName: "Cup", category: "kitchen", price, initialQuantity, requestId: newRequestId() };
    products.push((await call(ProductService.method.createProduct, request, administrator)).name);
  }
  return { users, products };
}

/** Lets customers come, as many as there are checkouts, and everybody who gets in their way. */
export function startWorkload(options: {
  customers: Customers;
  promises: Promises;
  random: Random;
  assortment: Assortment;
  checkouts: number;
}): void {
  const { customers, random, checkouts } = options;
  const durationMs = checkouts * checkoutIntervalMs;
  for (let number = 0; number < checkouts; number++) {
    customers.begin(random.between(0, durationMs), "checkout", () => checkOut(options));
  }
  const disturbances: [probability: number, what: string, act: () => Promise<void>][] = [
    [0.9, "adjustment of stock", () => adjustStock(options)],
    [0.6, "adjustment of stock", () => adjustStock(options)],
    [0.5, "change of price", () => changePrice(options)],
    [0.3, "archiving", () => archive(options)],
    [0.3, "deletion of a user", () => deleteUser(options)],
  ];
  for (const [probability, what, act] of disturbances) {
    if (random.chance(probability)) customers.begin(random.between(0, durationMs), what, act);
  }
}

type Options = Parameters<typeof startWorkload>[0];

async function checkOut({ customers, promises, random, assortment }: Options): Promise<void> {
  const { call, sleep } = customers;
  const caller = random.pick(assortment.users);
  const request = {
    lines: chooseLines(random, assortment.products),
    paymentToken: random.weighted(tokens),
    requestId: customers.newRequestId(),
  };
  const place = async () => {
    const answer = await unless(
      ["USER_DELETED", "PRODUCT_ARCHIVED"],
      call(OrderService.method.createOrder, request, caller),
    );
    if (answer !== undefined) promises.placed(caller.userId, request.requestId, answer.name);
    return answer;
  };
  // Twice at once, as by a nervous finger or a retry of the gateway.
  const [order, other] = await Promise.all([place(), random.chance(0.3) ? place() : undefined]);
  const name = (order ?? other)?.name;
  if (name === undefined) return;

  if (random.chance(0.1)) await reuse(customers, request, caller);
  const afterwards = random.weighted<"cancel" | "refund" | "wait">([
    [3, "cancel"],
    [2, "refund"],
    [5, "wait"],
  ]);
  if (afterwards === "cancel") {
    await sleep(
      random.weighted([
        [2, 0],
        [3, random.between(0, 300)],
        [3, random.between(0, 6_000)],
        [1, 9_000],
      ]),
    );
    const cancelled = await unless(["CANCEL_WINDOW_CLOSED"], call(OrderService.method.cancelOrder, { name }, caller));
    if (cancelled !== undefined) promises.cancelled(name);
  } else if (afterwards === "refund") {
    await refundParts({ customers, promises, random }, name);
  }
  if (random.chance(0.4)) await place();
}

function chooseLines(random: Random, [plenty = "", few = "", none = "", some = ""]: readonly string[]) {
  const products = random.weighted([
    [6, [plenty]],
    [3, [few]],
    [2, [plenty, few]],
    [3, [some, plenty]],
    [1, [none]],
    [1, [plenty, none]],
  ]);
  return products.map((product) => ({ product, quantity: random.integer(1, 4) }));
}

/** The same request id for something else must be refused, whatever has become of the order. */
async function reuse(customers: Customers, request: { requestId: string }, caller: UserCaller): Promise<void> {
  const other = { ...request, paymentToken: "tok_other" };
  const answer = await unless(["REQUEST_ID_REUSED"], customers.call(OrderService.method.createOrder, other, caller));
  if (answer !== undefined) throw new Error(`I8: a request id was good for two different orders, ${answer.name}`);
}

async function refundParts(
  { customers, promises, random }: Pick<Options, "customers" | "promises" | "random">,
  order: string,
) {
  const { call, sleep } = customers;
  for (let polls = 0; ; polls++) {
    const { state } = await call(OrderService.method.getOrder, { name: order }, administrator);
    if (state === Order_State.CONFIRMED) break;
    if (state === Order_State.CANCELLED || polls === pollsMax) return;
    await sleep(pollIntervalMs);
  }
  const name = order.replace("orders/", "payments/");
  for (let part = random.integer(1, 2); part > 0; part--) {
    const amount = random.chance(0.3) ? undefined : { currency: "EUR", minorUnits: BigInt(random.integer(1, 2_000)) };
    const request = { name, amount, reason: "broken", requestId: customers.newRequestId() };
    const refund = async () => {
      const answer = await unless(
        ["REFUND_TOO_LARGE", "PAYMENT_NOT_CAPTURED"],
        call(PaymentService.method.refundPayment, request, administrator),
      );
      if (answer !== undefined) promises.refunded(name, request.requestId);
    };
    await Promise.all([refund(), random.chance(0.3) ? refund() : undefined]);
  }
}

async function adjustStock({ customers, promises, random, assortment }: Options): Promise<void> {
  const requestId = customers.newRequestId();
  const request = {
    name: random.pick(assortment.products),
    quantityDelta: random.chance(0.6) ? random.integer(1, 10) : -random.integer(1, 10),
    reason: `count ${requestId}`,
    requestId,
  };
  const adjust = async () => {
    const answer = await unless(
      ["INSUFFICIENT_STOCK", "PRODUCT_ARCHIVED"],
      customers.call(ProductService.method.adjustStock, request, administrator),
    );
    if (answer !== undefined) promises.adjusted(request.reason);
  };
  await Promise.all([adjust(), random.chance(0.5) ? adjust() : undefined]);
}

async function changePrice({ customers, random, assortment }: Options): Promise<void> {
  const price = { currency: "EUR", minorUnits: BigInt(random.integer(1, 5_000)) };
  const product = { name: random.pick(assortment.products), price };
  await unless(
    ["PRODUCT_ARCHIVED"],
    customers.call(ProductService.method.updateProduct, { product, updateMask: { paths: ["price"] } }, administrator),
  );
}

async function archive({ customers, random, assortment }: Options): Promise<void> {
  await customers.call(ProductService.method.archiveProduct, { name: random.pick(assortment.products) }, administrator);
}

async function deleteUser({ customers, random, assortment }: Options): Promise<void> {
  const caller = random.pick(assortment.users);
  const name = `users/${caller.userId}`;
  await unless(["USER_NOT_FOUND"], customers.call(UserService.method.deleteUser, { name }, caller));
}
