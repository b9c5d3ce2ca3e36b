import { poison } from "../poison.ts";
import { setAdminPoints } from "./administrator.ts";
import { triedServices } from "./fail-point-cases.ts";
import type { FailPointCase } from "./fail-point-round.ts";
import { firstStartPoints } from "./first-start.ts";
import { cancelled, refunded, settled, userDeleted } from "./order-flows.ts";
import { cleanUpCase, expiryCase, keyFileCase, ofDeletedUsers } from "./own-cases.ts";
import { accounts, products } from "./record-flows.ts";

const postponed = poison("order-svc", "shop.payment.v1.PaymentCaptured", "empty");
const parked = poison("product-svc", "shop.order.v1.OrderPlaced", "torn");

/** Few rounds in which every part has a fail point and every service dies in every round. */
export const fixedRounds: readonly (readonly FailPointCase[])[] = [
  [
    {
      service: "order-svc",
      deaths: ["transaction.before-commit:shop.payment.v1.PaymentCaptured"],
      flow: settled,
    },
    {
      service: "product-svc",
      deaths: ["consumer.before-ack:shop.order.v1.OrderPlaced", "consumer.after-begin:shop.order.v1.OrderPlaced"],
      flow: settled,
    },
    { service: "payment-svc", deaths: ["provider.after-capture"], flow: settled },
    {
      service: "user-svc",
      deaths: ["transaction.after-commit:shop.user.v1.UserService/CreateUser"],
      flow: accounts,
    },
  ],
  [
    { service: "order-svc", deaths: ["request.before-answer:shop.order.v1.OrderService/CreateOrder"], flow: settled },
    { service: "product-svc", deaths: ["relay.after-publish:shop.product.v1.StockReserved"], flow: settled },
    { service: "payment-svc", deaths: ["provider.before-capture", "provider.before-find-capture"], flow: settled },
    { service: "user-svc", deaths: ["outbox.after-append:shop.user.v1.PasswordChanged"], flow: accounts },
  ],
  [
    { service: "order-svc", deaths: ["relay.after-confirm:shop.order.v1.OrderCancelled"], flow: cancelled },
    { service: "product-svc", deaths: ["consumer.after-ack:shop.order.v1.OrderCancelled"], flow: cancelled },
    { service: "payment-svc", deaths: ["provider.after-refund", "provider.before-find-refund"], flow: cancelled },
    {
      service: "user-svc",
      deaths: ["request.before-answer:shop.user.v1.UserService/RefreshSession"],
      flow: accounts,
    },
  ],
  [
    { service: "order-svc", deaths: [`sweep.after-batch:${ofDeletedUsers}`], flow: userDeleted },
    { service: "product-svc", deaths: ["relay.after-mark:shop.product.v1.ProductUpdated"], flow: products },
    {
      service: "payment-svc",
      deaths: ["request.after-claim:shop.payment.v1.PaymentService/RefundPayment"],
      flow: refunded,
    },
    {
      service: "user-svc",
      deaths: ["transaction.before-commit:shop.user.v1.UserService/DeleteUser"],
      flow: userDeleted,
    },
  ],
  [
    { service: "order-svc", deaths: ["stop.after-consumer"], flow: settled, isStopped: true },
    { service: "product-svc", deaths: ["database.before-checkpoint"], flow: settled, isStopped: true },
    { service: "payment-svc", deaths: ["start.after-listen"], flow: settled },
    // The account that was deleted in the round before makes this start rewrite the file.
    { service: "user-svc", deaths: ["erasure.after-vacuum"], flow: accounts },
  ],
  [
    {
      service: "order-svc",
      deaths: ["consumer.after-postpone:shop.payment.v1.PaymentCaptured"],
      flow: postponed.flow,
      afterwards: postponed.forget,
    },
    {
      service: "product-svc",
      deaths: ["consumer.before-park:shop.order.v1.OrderPlaced"],
      flow: parked.flow,
      afterwards: parked.forget,
    },
    keyFileCase("payment-svc", "key-file.before-rename"),
    cleanUpCase("user-svc"),
  ],
  [expiryCase("transaction.before-commit")],
];

const atEachFirstStart = ["migration.before-commit", "signing-key.before-save", "signing-key.after-save"];

/** The deaths of each service's first starts: most of them in one service only, so that few starts come to every moment. */
export const fixedFirstStarts = triedServices.map((service, index) => {
  const deaths = firstStartPoints(service).filter(
    (failPoint, position) => position % triedServices.length === index || atEachFirstStart.includes(failPoint),
  );
  return [service, deaths] as const;
});

/** Where set-admin dies. */
export const fixedAdminPoints = setAdminPoints.filter(([failPoint]) =>
  ["transaction.before-commit", "set-admin.after-save"].includes(failPoint),
);
