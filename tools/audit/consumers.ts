import type { ServiceName } from "../stack/stack-config.ts";

/**
 * Who consumes which event. A copy of what the contract says, because the audit also runs where no package is installed;
 * a test holds it to the contract.
 */
export const consumersOf: Readonly<Record<string, readonly ServiceName[]>> = {
  "shop.order.v1.OrderPlaced": ["product-svc"],
  "shop.order.v1.OrderReadyForPayment": ["payment-svc"],
  "shop.order.v1.OrderConfirmed": ["product-svc"],
  "shop.order.v1.OrderCancelled": ["payment-svc", "product-svc"],
  "shop.payment.v1.PaymentCaptured": ["order-svc"],
  "shop.payment.v1.PaymentDeclined": ["order-svc"],
  "shop.payment.v1.PaymentRefunded": ["order-svc"],
  "shop.payment.v1.PaymentVoided": ["order-svc"],
  "shop.product.v1.ProductArchived": ["order-svc"],
  "shop.product.v1.ProductCreated": ["order-svc"],
  "shop.product.v1.ProductUpdated": ["order-svc"],
  "shop.product.v1.StockRejected": ["order-svc"],
  "shop.product.v1.StockReleased": ["order-svc"],
  "shop.product.v1.StockReserved": ["order-svc"],
  "shop.product.v1.StockSold": ["order-svc"],
  "shop.user.v1.UserCreated": [],
  "shop.user.v1.UserDeleted": ["order-svc"],
  "shop.user.v1.UserUpdated": [],
  "shop.user.v1.PasswordChanged": [],
  "shop.user.v1.SessionRevoked": [],
};

/** The service that publishes an event of this type. */
export function publisherOf(type: string): ServiceName {
  return `${type.split(".")[1]?.replaceAll("_", "-")}-svc` as ServiceName;
}
