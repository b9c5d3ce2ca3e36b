import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { newId } from "@quartet/chassis/ids";
import { type Database, openDatabase } from "@quartet/chassis/storage/database";
import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import { chassisMigrations, type MigrationSource, migrate } from "@quartet/chassis/storage/migrate";
import { createOutbox } from "@quartet/chassis/storage/outbox";
import { lastRestoreTime } from "@quartet/chassis/storage/restores";
import { createUnitOfWork, type RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import { createCancelOrder } from "../../../order-svc/src/app/cancel-order.ts";
import { createCancelOrdersOfDeletedUsers } from "../../../order-svc/src/app/cancel-orders-of-deleted-users.ts";
import { createCreateOrder } from "../../../order-svc/src/app/create-order.ts";
import { createRecordFacts } from "../../../order-svc/src/app/record-facts.ts";
import { createRecordProduct } from "../../../order-svc/src/app/record-product.ts";
import { createRecordUserDeleted } from "../../../order-svc/src/app/record-user-deleted.ts";
import { createHandlers as orderHandlers } from "../../../order-svc/src/events/consume.ts";
import { toOutgoing as orderToOutgoing } from "../../../order-svc/src/events/publish.ts";
import { migrations as orderMigrations } from "../../../order-svc/src/migrations.ts";
import { createMoments } from "../../../order-svc/src/moment.ts";
import { createDeletedUsers } from "../../../order-svc/src/storage/deleted-users.ts";
import { createOrderStore } from "../../../order-svc/src/storage/order-store.ts";
import { createProductReplica } from "../../../order-svc/src/storage/product-replica.ts";
import { createDrivePayment } from "../../../payment-svc/src/app/drive-payment.ts";
import { createRefundPayment } from "../../../payment-svc/src/app/refund-payment.ts";
import { createSettlePayments } from "../../../payment-svc/src/app/settle-payments.ts";
import { openTestProvider } from "../../../payment-svc/src/clients/test-provider.ts";
import { createHandlers as paymentHandlers } from "../../../payment-svc/src/events/consume.ts";
import { createToOutgoing as paymentToOutgoing } from "../../../payment-svc/src/events/publish.ts";
import { migrations as paymentMigrations } from "../../../payment-svc/src/migrations.ts";
import { createPaymentStore } from "../../../payment-svc/src/storage/payment-store.ts";
import { createAdjustStock } from "../../../product-svc/src/app/adjust-stock.ts";
import { createArchiveProduct } from "../../../product-svc/src/app/archive-product.ts";
import { createCreateProduct } from "../../../product-svc/src/app/create-product.ts";
import { createMoveStock } from "../../../product-svc/src/app/move-stock.ts";
import { createHandlers as productHandlers } from "../../../product-svc/src/events/consume.ts";
import { createToOutgoing as productToOutgoing } from "../../../product-svc/src/events/publish.ts";
import { migrations as productMigrations } from "../../../product-svc/src/migrations.ts";
import { createProductStore } from "../../../product-svc/src/storage/product-store.ts";
import { deleteUser } from "../../../user-svc/src/domain/change-user.ts";
import { endSession } from "../../../user-svc/src/domain/session.ts";
import { createUser } from "../../../user-svc/src/domain/user.ts";
import { createToOutgoing as userToOutgoing } from "../../../user-svc/src/events/publish.ts";
import { migrations as userMigrations } from "../../../user-svc/src/migrations.ts";
import { createSessionStore } from "../../../user-svc/src/storage/session-store.ts";
import { createUserStore } from "../../../user-svc/src/storage/user-store.ts";
import { type ServiceName, serviceNames } from "../../stack/stack-config.ts";
import { consumersOf } from "../consumers.ts";

/** A service that the checkout has besides these four has a file with what every service has, and nothing in it. */
const migrationsOf: Readonly<Partial<Record<ServiceName, MigrationSource>>> = {
  "user-svc": userMigrations,
  "product-svc": productMigrations,
  "order-svc": orderMigrations,
  "payment-svc": paymentMigrations,
};

type Handle = (message: IncomingMessage) => Promise<unknown>;

/** The cores of the four services on files of their own, without ports and broker: events go from hand to hand. */
export interface SmallShop {
  readonly now: () => number;
  readonly databases: Readonly<Record<ServiceName, Database>>;
  signUp(userId: string): Promise<void>;
  deleteAccount(userId: string): Promise<void>;
  createProduct(quantity: number): Promise<string>;
  adjustStock(productId: string, quantityDelta: number): Promise<void>;
  archiveProduct(productId: string): Promise<void>;
  /** Places an order of two pieces of a product at 12.99 euros; returns its id. */
  order(userId: string, productId: string, paymentToken?: string): Promise<string>;
  cancel(orderId: string): Promise<void>;
  refund(orderId: string, minorUnits: number): Promise<void>;
  /** Carries events round and drives payments until nothing is left to do. Waits for `onStep` after each step. */
  settle(onStep?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Opens a shop in a folder laid out as the data directory of a native stack. Each call of `now` is a millisecond later. */
export async function openSmallShop(dataDir: string, startTime: number): Promise<SmallShop> {
  let time = startTime;
  const now = () => time++;
  const opened = await Promise.all(
    serviceNames.map(async (service) => {
      mkdirSync(join(dataDir, service), { recursive: true });
      const database = openDatabase({ file: join(dataDir, service, `${service}.sqlite`) });
      const own = migrationsOf[service];
      await migrate(database, own === undefined ? [chassisMigrations] : [chassisMigrations, own]);
      return [service, database] as const;
    }),
  );
  const databases = Object.fromEntries(opened) as Record<ServiceName, Database>;
  const provider = openTestProvider({ file: join(dataDir, "payment-svc", "test-provider.sqlite"), now });
  const stored = (service: ServiceName) => {
    const database = databases[service];
    return { database, unitOfWork: createUnitOfWork({ database, now }), now };
  };

  const userStored = { ...stored("user-svc"), toOutgoing: userToOutgoing({ newId }) };
  const [users, sessions] = [createUserStore(userStored), createSessionStore(userStored)];
  const products = createProductStore({ ...stored("product-svc"), toOutgoing: productToOutgoing({ newId }) });
  const payments = createPaymentStore({ ...stored("payment-svc"), toOutgoing: paymentToOutgoing({ newId }) });
  const orders = createOrderStore({ ...stored("order-svc"), toOutgoing: orderToOutgoing });
  const [replica, deletedUsers] = [createProductReplica(stored("order-svc")), createDeletedUsers(stored("order-svc"))];
  const moment = createMoments({ now, newId });
  const onWork = () => {};

  const createProduct = createCreateProduct({ products, now, newId });
  const createOrder = createCreateOrder({
    orders,
    gatherPrices: async ({ lines }) => await replica.find(lines.map(({ productId }) => productId)),
    moment,
    newId,
  });
  const cancelOrder = createCancelOrder({ orders, moment, cancelWindowMs: 3_600_000 });
  const refundPayment = createRefundPayment({ payments, now, onWork });
  const drive = createDrivePayment({ payments, provider, now });
  const cancelOfDeleted = createCancelOrdersOfDeletedUsers({ orders, deletedUsers, moment });

  const handlers: Readonly<Partial<Record<ServiceName, ReadonlyMap<string, Handle>>>> = {
    "product-svc": new Map(productHandlers({ moveStock: createMoveStock({ products, now }) })),
    "payment-svc": new Map(
      paymentHandlers({
        settlePayments: createSettlePayments({
          ...{ payments, now, onWork },
          restoreTime: lastRestoreTime(databases["payment-svc"]),
        }),
      }),
    ),
    "order-svc": new Map(
      orderHandlers({
        recordFacts: createRecordFacts({ orders, moment }),
        recordProduct: createRecordProduct({ products: replica, now }),
        recordUserDeleted: createRecordUserDeleted({ deletedUsers, onRecorded: onWork }),
      }),
    ),
  };

  const deliverFrom = async (service: ServiceName, onStep: () => Promise<void>): Promise<number> => {
    const outbox = createOutbox({ database: databases[service] });
    const rows = outbox.pending({ limit: 1_000 });
    for (const { seq, ...row } of rows) {
      for (const consumer of consumersOf[row.type] ?? []) {
        await handlers[consumer]?.get(row.type)?.({ ...row, redelivered: false });
        await onStep();
      }
      await outbox.markSent([seq], now());
    }
    return rows.length;
  };
  const claim = (caller: string, method: string): RequestClaim => {
    return {
      caller: `users/${caller}`,
      method: `shop.test.v1.TestService/${method}`,
      requestId: newId(),
      hash: newId(),
    };
  };

  return {
    now,
    databases,
    async signUp(userId) {
      const account = { email: `${userId}@example.org`, displayName: userId, role: "CUSTOMER" as const };
      const input = { ...account, passwordHash: "$argon2id$of-a-test" };
      const decide = () => createUser(undefined, input, userId, now());
      await users.create(account.email, { ...claim(userId, "CreateUser"), caller: "anonymous" }, decide);
      const times = { createTime: now(), refreshTime: now(), expireTime: now() + 86_400_000 };
      const session = { userId, epoch: 1, version: 1, refreshTokenHash: "hash", ...times };
      for (const id of [`${userId}-1`, `${userId}-2`]) await sessions.open(userId, () => ({ id, ...session }));
      await sessions.update(`${userId}-2`, (found) => {
        if (found === undefined) throw new Error("the session is not there");
        return endSession(found, "LOGGED_OUT", now());
      });
    },
    deleteAccount: (userId) => users.delete(userId, (user) => deleteUser(user, userId, undefined, now())),
    async createProduct(initialQuantity) {
      const price = { currency: "EUR", minorUnits: 1299 };
      const product = { displayName: "Cup", description: "", category: "kitchen", price, initialQuantity };
      return (await createProduct(product, claim("admin", "CreateProduct"))).id;
    },
    async adjustStock(productId, quantityDelta) {
      const adjust = createAdjustStock({ products, now });
      await adjust({ productId, quantityDelta, reason: "counted" }, claim("admin", "AdjustStock"));
    },
    async archiveProduct(productId) {
      await createArchiveProduct({ products, now })({ productId, expectedVersion: undefined });
    },
    async order(userId, productId, paymentToken = "tok_visa") {
      const request = { userId, lines: [{ productId, quantity: 2 }], paymentToken };
      return (await createOrder(request, claim(userId, "CreateOrder"))).id;
    },
    async cancel(orderId) {
      await cancelOrder(orderId, () => true);
    },
    async refund(paymentId, minorUnits) {
      const amount = { currency: "EUR", minorUnits };
      await refundPayment({ paymentId, amount, reason: "broken" }, claim("admin", "RefundPayment"));
    },
    async settle(onStep = async () => {}) {
      const signal = new AbortController().signal;
      for (;;) {
        let moved = await cancelOfDeleted();
        for (const service of serviceNames) moved += await deliverFrom(service, onStep);
        // Those that were put off as well: nobody waits here.
        const tasks = await payments.due(Number.MAX_SAFE_INTEGER, 100);
        for (const task of tasks) {
          await drive(task, signal);
          await onStep();
        }
        if (moved + tasks.length === 0) return;
      }
    },
    async close() {
      provider.close();
      await Promise.all(Object.values(databases).map((database) => database.close()));
    },
  };
}
