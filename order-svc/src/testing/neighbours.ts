import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { newId } from "@quartet/chassis/ids";
import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { BrokerStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { brokerOn } from "@quartet/chassis/testing/neighbour";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
  OrderReadyForPaymentSchema,
} from "@quartet/proto/shop/order/v1/order_events_pb";
import {
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@quartet/proto/shop/payment/v1/payment_events_pb";
import {
  ProductArchivedSchema,
  ProductCreatedSchema,
  StockRejectedSchema,
  StockReleasedSchema,
  StockReservedSchema,
  StockSoldSchema,
} from "@quartet/proto/shop/product/v1/product_events_pb";
import { Product_State } from "@quartet/proto/shop/product/v1/product_pb";
import { UserDeletedSchema } from "@quartet/proto/shop/user/v1/user_events_pb";
import { placeTime } from "./builders.ts";

/** What the neighbours make of the orders; a test changes it as it goes. */
export interface Manners {
  stock: "hold" | "reject" | "silent";
  payment: "capture" | "decline" | "silent";
  /** How often they say everything. */
  times: number;
}

/** product-svc, payment-svc and user-svc, as far as order-svc hears of them. */
export interface Neighbours {
  readonly manners: Manners;
  /** Types of the events they heard, in their order. */
  readonly heard: readonly string[];
  /** Says something of one's own accord. */
  say<D extends DescMessage>(schema: D, event: MessageInitShape<D>, id?: string): Promise<void>;
  /** Tells of a product at a price. */
  sellCups(minorUnits: bigint): Promise<void>;
  /** Tells that cups are no longer sold. */
  archiveCups(): Promise<void>;
  /** Tells that the account of a user was deleted; resolves with the id of the event. */
  deleteUser(userId: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the neighbours on a stage. They hold all stock and capture all money until they are told otherwise. */
export async function startNeighbours(stage: BrokerStage): Promise<Neighbours> {
  const manners: Manners = { stock: "hold", payment: "capture", times: 1 };
  const heard: string[] = [];
  const versions = new Map<string, bigint>();
  const captured = new Map<string, { currency: string; minorUnits: bigint }>();
  const product = brokerOn(stage, "product-svc");
  const payment = brokerOn(stage, "payment-svc");
  const user = brokerOn(stage, "user-svc");
  const senders = { product, payment, user };

  const next = (aggregate: string) => {
    const version = (versions.get(aggregate) ?? 0n) + 1n;
    versions.set(aggregate, version);
    return version;
  };
  const publish = async <D extends DescMessage>(schema: D, event: MessageInitShape<D>, id = newId()) => {
    const payload = toBinary(schema, create(schema, event));
    const from = senders[schema.typeName.split(".")[1] as keyof typeof senders];
    const message = { id, type: schema.typeName, aggregate: "tests/1", version: 1, payload, time: placeTime };
    await eventually("the broker is there", () => from.connected);
    for (let time = 0; time < manners.times; time++) await from.publish(message);
  };
  const stockOf = (order: string) => ({ order, version: next(`reservations of ${order}`) });
  const paymentOf = (order: string) => ({
    order,
    payment: order.replace("orders", "payments"),
    version: next(`payments of ${order}`),
  });

  async function answerStock(message: IncomingMessage): Promise<void> {
    heard.push(message.type);
    switch (message.type) {
      case OrderPlacedSchema.typeName: {
        const { order } = fromBinary(OrderPlacedSchema, message.payload);
        if (manners.stock === "hold") await publish(StockReservedSchema, stockOf(order));
        if (manners.stock === "reject") await publish(StockRejectedSchema, stockOf(order));
        break;
      }
      case OrderConfirmedSchema.typeName:
        await publish(StockSoldSchema, stockOf(fromBinary(OrderConfirmedSchema, message.payload).order));
        break;
      case OrderCancelledSchema.typeName:
        await publish(StockReleasedSchema, stockOf(fromBinary(OrderCancelledSchema, message.payload).order));
        break;
    }
  }

  async function answerPayment(message: IncomingMessage): Promise<void> {
    if (message.type === OrderReadyForPaymentSchema.typeName) {
      heard.push(message.type);
      const { order, amount } = fromBinary(OrderReadyForPaymentSchema, message.payload);
      if (manners.payment === "capture" && amount !== undefined) {
        captured.set(order, amount);
        await publish(PaymentCapturedSchema, { ...paymentOf(order), amount });
      }
      if (manners.payment === "decline") {
        await publish(PaymentDeclinedSchema, { ...paymentOf(order), declineCode: "card_declined" });
      }
      return;
    }
    const { order } = fromBinary(OrderCancelledSchema, message.payload);
    const amount = captured.get(order);
    if (amount !== undefined) await publish(PaymentRefundedSchema, { ...paymentOf(order), amount, refunded: amount });
    else if (manners.payment === "silent") await publish(PaymentVoidedSchema, paymentOf(order));
  }

  const onUndecodable = async () => {};
  const subscriptions = [
    product.subscribe({ queue: "product-svc.events", prefetch: 10, deliver: answerStock, onUndecodable }),
    payment.subscribe({ queue: "payment-svc.events", prefetch: 10, deliver: answerPayment, onUndecodable }),
  ];
  for (const sender of Object.values(senders)) sender.start();
  await eventually("the neighbours are connected", () => Object.values(senders).every(({ connected }) => connected));

  return {
    manners,
    heard,
    say: publish,
    sellCups: (minorUnits) =>
      publish(ProductCreatedSchema, { product: cups({ minorUnits, state: Product_State.ACTIVE, version: 1n }) }),
    archiveCups: () =>
      publish(ProductArchivedSchema, {
        product: cups({ minorUnits: 1299n, state: Product_State.ARCHIVED, version: 2n }),
      }),
    async deleteUser(userId) {
      const id = newId();
      await publish(UserDeletedSchema, { user: `users/${userId}`, version: 2n }, id);
      return id;
    },
    async stop() {
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
    },
  };
}

function cups(product: { minorUnits: bigint; state: Product_State; version: bigint }) {
  const { minorUnits, state, version } = product;
  return {
    name: "products/cup",
    displayName: "Cup",
    price: { currency: "EUR", minorUnits },
    state,
    version,
    createTime: timestampFromMs(placeTime),
  };
}
