import { createClient } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { eventually } from "@quartet/chassis/testing/eventually";
import { Order_State, Order_StockState } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { Payment_State } from "@quartet/proto/shop/payment/v1/payment_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import type { RunningShop, StockedShop } from "./running-shop.ts";

const password = "correct horse battery staple";

interface Customer {
  readonly userId: string;
  readonly email: string;
  readonly headers: { readonly authorization: string };
}

/** Something that belongs to somebody. */
export interface Belonging {
  readonly name: string;
  /** Id of the user whose it is. */
  readonly userId: string;
}

type Make = (shop: RunningShop, stocked: StockedShop, customer: Customer) => Promise<string>;

/**
 * Makes a resource that no longer changes by itself, by its collection: one entry for each that a path names. It is the
 * customer's, or nobody's where the collection belongs to nobody.
 */
const makers: Readonly<Record<string, Make>> = {
  users: async (_shop, _stocked, { userId }) => `users/${userId}`,
  sessions: async (shop, _stocked, { email }) => {
    const users = createClient(UserService, shop.transportTo(UserService));
    return (await users.createSession({ email, password })).name;
  },
  orders: placeOrder,
  payments: async (shop, stocked, customer) => {
    const name = (await placeOrder(shop, stocked, customer)).replace("orders/", "payments/");
    const payments = createClient(PaymentService, shop.transportTo(PaymentService));
    await eventually("the payment is captured", async () => {
      return (await payments.getPayment({ name }, { headers: customer.headers })).state === Payment_State.CAPTURED;
    });
    return name;
  },
  products: async (shop) => {
    const products = createClient(ProductService, shop.transportTo(ProductService));
    const headers = await shop.authorizationOf("root", "admin");
    const price = { currency: "EUR", minorUnits: 1299n };
    const pot = { displayName: "Pot", category: "kitchen", price, initialQuantity: 1, requestId: newId() };
    return (await products.createProduct(pot, { headers })).name;
  },
};

/**
 * What the request of a method needs besides the name of the resource and a request id, so that whoever is let in
 * succeeds: by the name of the method.
 */
export const otherFields: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  AdjustStock: { quantityDelta: 1 },
  ChangePassword: { currentPassword: password, newPassword: "correct horse battery stable" },
};

/** Makes a resource of a new customer. Throws when nobody has said how for its collection. */
export async function makeBelonging(shop: RunningShop, stocked: StockedShop, collection: string): Promise<Belonging> {
  const make = makers[collection];
  if (make === undefined) throw new Error(`tests/access/belongings.ts makes none of the ${collection}`);
  const users = createClient(UserService, shop.transportTo(UserService));
  const email = `${newId()}@example.org`;
  const { name } = await users.createUser({ email, password, displayName: "Ada" });
  const userId = name.slice("users/".length);
  const headers = await shop.authorizationOf(userId);
  return { name: await make(shop, stocked, { userId, email, headers }), userId };
}

async function placeOrder(shop: RunningShop, { product }: StockedShop, { headers }: Customer): Promise<string> {
  const orders = createClient(OrderService, shop.transportTo(OrderService));
  const lines = [{ product, quantity: 1 }];
  const { name } = await orders.createOrder({ lines, paymentToken: "tok_visa" }, { headers });
  await eventually("the order is paid and its stock is sold", async () => {
    const { state, stockState } = await orders.getOrder({ name }, { headers });
    return state === Order_State.CONFIRMED && stockState === Order_StockState.SOLD;
  });
  return name;
}
