import { type Offence, rules } from "./offence.ts";
import { startTime } from "./sound-shop.ts";

const done = (type: string, order: string) => `
  INSERT INTO inbox (message_id, type, aggregate, version, message_time, state, starts, attempts, receive_time, finish_time)
  VALUES ('made up', '${type}', 'orders/${order}', 9, ${startTime}, 'done', 0, 0, ${startTime}, ${startTime})`;
const event = (type: string, aggregate: string, version: number) => `
  INSERT INTO outbox (event_id, type, aggregate, version, payload, create_time, sent_time)
  VALUES ('made up', '${type}', '${aggregate}', ${version}, x'', ${startTime}, ${startTime})`;
const oneMore =
  "UPDATE ledger_entries SET debit_minor = debit_minor + 1 WHERE movement = 'capture/:paid' AND debit_minor > 0";

/** Offences that one database shows: one for every rule about one. */
export const rowOffences: readonly Offence[] = [
  ...rules("I3", "product-svc", {
    "stock adds up to what was put in": [
      "UPDATE products SET available = available + 1 WHERE id = ':cup'",
      "products/:cup",
    ],
    "stock is never negative": ["UPDATE products SET available = -1 WHERE id = ':cup'", "products/:cup"],
    "held and sold are those of the reservations": [
      "UPDATE products SET held = held + 1, available = available - 1 WHERE id = ':cup'",
      "products/:cup",
    ],
    "a reservation has lines as long as it holds or has sold them": [
      "DELETE FROM reservation_lines WHERE order_id = ':paid'",
      "orders/:paid",
    ],
  }),
  ...rules("I4", "payment-svc", {
    "debits and credits of each movement are equal": [oneMore, "payments/:paid"],
    "debits and credits of each currency are equal": [oneMore, "ledger/EUR"],
    "balances are the sums of the entries": [
      "UPDATE ledger_balances SET credit_minor = credit_minor + 1",
      "ledger/EUR",
    ],
    "what was captured and refunded is booked, and nothing else": [
      "DELETE FROM ledger_entries WHERE movement = 'capture/:paid'",
      "payments/:paid",
    ],
  }),
  ...rules("I2", "payment-svc", {
    "no more is refunded than was captured": [
      "UPDATE refunds SET amount_minor = 999999 WHERE payment_id = ':partly'",
      "payments/:partly",
    ],
    "what was captured for a cancelled order goes back": [
      "DELETE FROM refunds WHERE payment_id = ':returned'",
      "payments/:returned",
    ],
  }),
  ...rules("I5", "test-provider", {
    "the provider returned no more than it captured": [
      "UPDATE operations SET amount_minor = 999999 WHERE capture_key = 'capture/:partly'",
      "capture/:partly",
    ],
  }),
  ...rules("I5", "order-svc", {
    "each message about stock and money is in one timeline, once": [
      done("shop.payment.v1.PaymentRefunded", ":paid"),
      "orders/:paid",
    ],
    "each entry of a timeline that a message caused has its message": [
      "DELETE FROM inbox WHERE message_id IN (SELECT event_id FROM order_events WHERE order_id = ':paid')",
      "orders/:paid",
    ],
    "each message that an account was deleted is remembered": ["DELETE FROM deleted_users", "users/bob"],
  }),
  ...rules("I5", "product-svc", {
    "each message about an order has moved its stock": [done("shop.order.v1.OrderCancelled", ":paid"), "orders/:paid"],
    "no stock of an order moves more often than messages came": [
      "DELETE FROM inbox WHERE aggregate = 'orders/:paid'",
      "orders/:paid",
    ],
  }),
  ...rules("I5", "payment-svc", {
    "each message about an order has reached its payment": [
      done("shop.order.v1.OrderCancelled", ":paid"),
      "orders/:paid",
    ],
    "no payment is there that no message asked for": [
      "DELETE FROM inbox WHERE aggregate = 'orders/:paid'",
      "payments/:paid",
    ],
  }),
  ...rules("I7", "order-svc", {
    "a timeline has no gap and ends where its order is": [
      "DELETE FROM order_events WHERE order_id = ':paid' AND sequence = 2",
      "orders/:paid",
    ],
    "the last entry of a timeline has the state of its order": [
      "UPDATE orders SET state = 'AWAITING_PAYMENT' WHERE id = ':paid'",
      "orders/:paid",
    ],
    "a timeline never goes back": [
      "UPDATE order_events SET state = 'CANCELLED' WHERE order_id = ':paid' AND sequence = 2",
      "orders/:paid",
    ],
    "versions rise from event to event": [
      "UPDATE outbox SET version = 1 WHERE aggregate = 'orders/:paid'",
      "orders/:paid",
    ],
    "no event goes out before an earlier one about the same": [
      "UPDATE outbox SET sent_time = NULL WHERE aggregate = 'orders/:paid' AND version = 1",
      "orders/:paid",
    ],
  }),
  ...rules("I8", "order-svc", {
    "a request of a user has one order": [
      "DROP INDEX orders_by_request; UPDATE orders SET request_id = 'the same' WHERE user_id = 'ada'",
      "users/ada",
    ],
    "a claim names the order that its request placed": [
      "UPDATE request_claims SET resource = ':declined' WHERE resource = ':paid'",
      "orders/:declined",
    ],
    "an order that a request placed has its claim": [
      "DELETE FROM request_claims WHERE resource = ':paid'",
      "orders/:paid",
    ],
  }),
  ...rules("I8", "product-svc", {
    "a claim names a product that is there": [
      "UPDATE request_claims SET resource = 'nothing' WHERE method GLOB '*/AdjustStock'",
      "products/nothing",
    ],
    "each request to create made a product of its own": [
      "UPDATE request_claims SET resource = ':cup' WHERE method GLOB '*/CreateProduct'",
      "products/:cup",
    ],
  }),
  ...rules("I8", "payment-svc", {
    "a claim names the refund that its request asked for": [
      "UPDATE request_claims SET hash = 'other'",
      "payments/:partly",
    ],
  }),
  ...rules("I8", "user-svc", {
    "a claim names an account that is there, or was": [
      "UPDATE request_claims SET resource = 'nobody' WHERE resource = 'ada'",
      "users/nobody",
    ],
    "each request to create made an account of its own": ["UPDATE request_claims SET resource = 'ada'", "users/ada"],
  }),
  ...rules("I9", "product-svc", {
    "integrity_check finds nothing": ["UPDATE products SET sold = -1 WHERE id = ':cup'", "product-svc"],
    "foreign_key_check finds nothing": ["DELETE FROM products WHERE id = ':cup'", "product-svc"],
  }),
  ...rules("I10", "order-svc", {
    "each move of an order has its event": ["DELETE FROM outbox WHERE type GLOB '*.OrderConfirmed'", "orders/:paid"],
    "each event of an order has its move": [event("shop.order.v1.OrderCancelled", "orders/:paid", 9), "orders/:paid"],
    "an open order waits for the answer to an event that is there": [
      `UPDATE orders SET state = 'PENDING', step_event_id = 'nothing', step_time = ${startTime} WHERE id = ':paid'`,
      "orders/:paid",
    ],
  }),
  ...rules("I10", "product-svc", {
    "each move of an order's stock has its event": ["DELETE FROM outbox WHERE type GLOB '*.StockSold'", "orders/:paid"],
    "each version of a product has its event": [
      "DELETE FROM outbox WHERE type GLOB '*.ProductUpdated'",
      "products/:cup",
    ],
  }),
  ...rules("I10", "user-svc", {
    "each version of an account has its event": ["DELETE FROM outbox WHERE aggregate = 'users/ada'", "users/ada"],
    "a session that was revoked is gone": [event("shop.user.v1.SessionRevoked", "sessions/ada-1", 2), "sessions/ada-1"],
  }),
  ...rules("I10", "payment-svc", {
    "each end of a payment and each refund has its event": [
      "DELETE FROM outbox WHERE type GLOB '*.PaymentCaptured'",
      "payments/:paid",
    ],
  }),
  ...rules(
    "I6",
    "product-svc",
    {
      "every event was sent": [
        "UPDATE outbox SET sent_time = NULL WHERE aggregate = 'reservations/:paid'",
        "reservations/:paid",
      ],
      "every message received is done": [
        "UPDATE inbox SET state = 'started', payload = x'', finish_time = NULL WHERE aggregate = 'orders/:paid'",
        "orders/:paid",
      ],
      "no message is parked": [
        "UPDATE inbox SET state = 'parked', payload = x'' WHERE aggregate = 'orders/:paid'",
        "orders/:paid",
      ],
    },
    true,
  ),
  ...rules(
    "I1",
    "order-svc",
    {
      "the open orders of deleted users were cancelled": ["UPDATE deleted_users SET finish_time = NULL", "users/bob"],
    },
    true,
  ),
];
