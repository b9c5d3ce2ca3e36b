import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import type { StockedShop } from "../access/running-shop.ts";

/** Who makes a call. */
export type Who = "nobody" | "the customer" | "another customer" | "an administrator" | "a forger";

/** What the calls are about. */
export interface Scene extends StockedShop {
  /** The customer's order. */
  readonly order: string;
  /** Request ids that were used, for the requests below. */
  readonly productRequestId: string;
  readonly orderRequestId: string;
}

/** A call with the answer it must get on every wire. */
export interface Call {
  readonly name: string;
  readonly method: DescMethodUnary;
  readonly who: Who;
  /** "OK", or code and reason. */
  readonly answer: string;
  /** Where the details must name fields: these. */
  readonly fields?: readonly string[];
  readonly headers?: (scene: Scene) => Readonly<Record<string, string>>;
  readonly request: (scene: Scene) => Readonly<Record<string, unknown>>;
}

type Answer = Pick<Call, "who" | "answer" | "fields" | "headers">;

function call<I extends DescMessage, O extends DescMessage>(
  name: string,
  method: DescMethodUnary<I, O>,
  request: (scene: Scene) => MessageInitShape<I> & Readonly<Record<string, unknown>>,
  answer: Answer,
): Call {
  return { name, method, request, ...answer };
}

const { getProduct, batchGetProducts, listProducts, createProduct, adjustStock } = ProductService.method;
const { getOrder, listOrders, listOrderEvents, createOrder, cancelOrder } = OrderService.method;

/** The request that made the product of a scene. */
export const teapot = (requestId: string) => ({
  displayName: "Teapot – 茶壺",
  description: "100 % porcelain",
  category: "kitchen",
  price: { currency: "EUR", minorUnits: 2599n },
  initialQuantity: 3,
  requestId,
});

/** The request that placed the order of a scene. */
export const twoCups = ({ product }: StockedShop, requestId: string) => ({
  lines: [{ product, quantity: 2 }],
  paymentToken: "tok_visa",
  requestId,
});

const missing = "00000000-0000-7000-8000-000000000000";

/** Every kind of answer, on calls that change nothing however often they are made. */
export const calls: readonly Call[] = [
  call("a product", getProduct, ({ product }) => ({ name: product }), { who: "nobody", answer: "OK" }),
  call("several products", batchGetProducts, ({ product }) => ({ names: [product] }), { who: "nobody", answer: "OK" }),
  call("a page of products", listProducts, () => ({ pageSize: 10 }), { who: "the customer", answer: "OK" }),
  call("a product by a name that cannot be one", getProduct, () => ({ name: "cups/1" }), {
    who: "nobody",
    answer: "InvalidArgument INVALID_FIELDS",
    fields: ["name"],
  }),
  call("a product that does not exist", getProduct, () => ({ name: `products/${missing}` }), {
    who: "nobody",
    answer: "NotFound PRODUCT_NOT_FOUND",
  }),
  call("a product with a token that proves nothing", getProduct, ({ product }) => ({ name: product }), {
    who: "a forger",
    answer: "Unauthenticated INVALID_TOKEN",
  }),
  call("a page of products by a token of nobody's", listProducts, () => ({ pageToken: "bm8" }), {
    who: "nobody",
    answer: "InvalidArgument INVALID_PAGE_TOKEN",
    fields: ["page_token"],
  }),
  call("a new product once more", createProduct, ({ productRequestId }) => teapot(productRequestId), {
    who: "an administrator",
    answer: "OK",
  }),
  call(
    "another new product by the same request id",
    createProduct,
    ({ productRequestId }) => ({ ...teapot(productRequestId), displayName: "Kettle" }),
    { who: "an administrator", answer: "AlreadyExists REQUEST_ID_REUSED", fields: ["request_id"] },
  ),
  call(
    "a new product that breaks several rules",
    createProduct,
    () => ({ ...teapot("x"), displayName: "", price: { currency: "EUR", minorUnits: -1n }, initialQuantity: -1 }),
    {
      who: "an administrator",
      answer: "InvalidArgument INVALID_FIELDS",
      fields: ["display_name", "price", "price.minor_units", "initial_quantity", "request_id"],
    },
  ),
  call("a new product of nobody", createProduct, () => teapot(missing), {
    who: "nobody",
    answer: "Unauthenticated MISSING_TOKEN",
  }),
  call("a new product of a customer", createProduct, () => teapot(missing), {
    who: "the customer",
    answer: "PermissionDenied ADMIN_REQUIRED",
  }),
  call("more stock taken than there is", adjustStock, ({ product }) => ({ name: product, quantityDelta: -999_999 }), {
    who: "an administrator",
    answer: "FailedPrecondition INSUFFICIENT_STOCK",
  }),

  call("an order", getOrder, ({ order }) => ({ name: order }), { who: "the customer", answer: "OK" }),
  call("the orders", listOrders, () => ({}), { who: "the customer", answer: "OK" }),
  call("an order's timeline", listOrderEvents, ({ order }) => ({ parent: order }), {
    who: "the customer",
    answer: "OK",
  }),
  call("a new order once more", createOrder, (scene) => twoCups(scene, scene.orderRequestId), {
    who: "the customer",
    answer: "OK",
  }),
  call("a new order once more, by a header", createOrder, (scene) => twoCups(scene, ""), {
    who: "the customer",
    answer: "OK",
    headers: ({ orderRequestId }) => ({ "idempotency-key": orderRequestId }),
  }),
  call(
    "another new order by the same request id",
    createOrder,
    (scene) => ({ ...twoCups(scene, scene.orderRequestId), paymentToken: "tok_other" }),
    { who: "the customer", answer: "AlreadyExists REQUEST_ID_REUSED", fields: ["request_id"] },
  ),
  call("a new order of nothing", createOrder, () => ({ paymentToken: "4111 1111" }), {
    who: "the customer",
    answer: "InvalidArgument INVALID_FIELDS",
    fields: ["lines", "payment_token"],
  }),
  call(
    "a new order of what does not exist",
    createOrder,
    () => ({ lines: [{ product: `products/${missing}`, quantity: 1 }], paymentToken: "tok_visa" }),
    { who: "the customer", answer: "InvalidArgument UNKNOWN_PRODUCT", fields: ["lines[0].product"] },
  ),
  call("a new order of nobody", createOrder, (scene) => twoCups(scene, missing), {
    who: "nobody",
    answer: "Unauthenticated MISSING_TOKEN",
  }),
  call("someone else's order", getOrder, ({ order }) => ({ name: order }), {
    who: "another customer",
    answer: "NotFound ORDER_NOT_FOUND",
  }),
  call("a cancellation that comes too late", cancelOrder, ({ order }) => ({ name: order }), {
    who: "the customer",
    answer: "FailedPrecondition CANCEL_WINDOW_CLOSED",
  }),
  call("a cancellation of what does not exist", cancelOrder, () => ({ name: `orders/${missing}` }), {
    who: "an administrator",
    answer: "NotFound ORDER_NOT_FOUND",
  }),
];
