import { type Offence, pair } from "./offence.ts";

/** Offences that only two databases together show. */
export const pairOffences: readonly Offence[] = [
  ...pair(
    "I2",
    ["order-svc", "payment-svc"],
    [
      [
        "payment-svc",
        "UPDATE payments SET state = 'DECLINED' WHERE id = ':paid'",
        "orders/:paid",
        /knows a payment CAPTURED/,
      ],
      ["payment-svc", "DELETE FROM payments WHERE id = ':paid'", "orders/:paid", /there is none/],
      ["order-svc", "UPDATE orders SET refunded_minor = 1 WHERE id = ':paid'", "orders/:paid", /1 refunded/],
    ],
  ),
  ...pair(
    "I2",
    ["order-svc", "product-svc"],
    [
      [
        "product-svc",
        "UPDATE reservations SET state = 'HELD' WHERE order_id = ':paid'",
        "orders/:paid",
        /knows its stock SOLD/,
      ],
      ["product-svc", "DELETE FROM reservations WHERE order_id = ':paid'", "orders/:paid", /knows nothing of it/],
    ],
  ),
  ...pair(
    "I2",
    ["payment-svc", "order-svc"],
    [
      ["order-svc", "DELETE FROM orders WHERE id = ':paid'", "payments/:paid", /no such order/],
      ["payment-svc", "UPDATE payments SET amount_minor = 1 WHERE id = ':paid'", "payments/:paid", /total is 2598/],
      ["payment-svc", "UPDATE payments SET user_id = 'eve' WHERE id = ':paid'", "payments/:paid", /users\/eve/],
    ],
  ),
  ...pair(
    "I2",
    ["product-svc", "order-svc"],
    [
      ["order-svc", "DELETE FROM orders WHERE id = ':short'", "orders/:short", /no such order/],
      ["product-svc", "UPDATE reservation_lines SET quantity = 1 WHERE order_id = ':paid'", "orders/:paid", /SOLD is/],
      ["order-svc", "UPDATE orders SET confirm_time = NULL WHERE id = ':paid'", "orders/:paid", /never confirmed/],
      [
        "product-svc",
        "UPDATE reservations SET state = 'RELEASED' WHERE order_id = ':paid'",
        "orders/:paid",
        /it is CONFIRMED/,
      ],
    ],
  ),
  ...pair(
    "I5",
    ["payment-svc", "test-provider"],
    [
      [
        "test-provider",
        "DELETE FROM operations WHERE key = 'capture/:paid'",
        "payments/:paid",
        /by the provider nothing/,
      ],
      ["test-provider", "DELETE FROM operations WHERE kind = 'refund'", "payments/:partly", /by the provider nothing/],
      [
        "test-provider",
        "UPDATE operations SET amount_minor = 1 WHERE key = 'capture/:paid'",
        "payments/:paid",
        /CAPTURED 1 EUR/,
      ],
      [
        "test-provider",
        "UPDATE operations SET status = 'CAPTURED' WHERE key = 'capture/:declined'",
        "payments/:declined",
        /DECLINED here/,
      ],
      [
        "test-provider",
        "INSERT INTO operations SELECT 'again', kind, status, capture_key, currency, amount_minor, create_time FROM operations WHERE key = 'capture/:paid'",
        "again",
        /nobody here asked/,
      ],
      [
        "test-provider",
        "INSERT INTO operations SELECT 'refund/:paid/lost', 'refund', 'REFUNDED', key, currency, 1, create_time FROM operations WHERE key = 'capture/:paid'",
        "refund/:paid/lost",
        /nobody here remembers it/,
      ],
    ],
  ),
  ...pair(
    "I10",
    ["order-svc", "product-svc"],
    [
      ["order-svc", "UPDATE products SET price_minor = 1 WHERE id = ':cup'", "products/:cup", /Cup at 1 EUR/],
      ["order-svc", "UPDATE products SET version = 99 WHERE id = ':cup'", "products/:cup", /version 99/],
      ["product-svc", "DELETE FROM products WHERE id = ':old'", "products/:old", /no such product/],
    ],
    true,
  ),
  ...pair(
    "I10",
    ["order-svc", "product-svc"],
    [
      ["order-svc", "UPDATE products SET version = 1 WHERE id = ':cup'", "products/:cup", /version 1/],
      [
        "product-svc",
        "DELETE FROM inbox WHERE aggregate = 'orders/:declined'",
        "orders/:declined",
        /has not handled it/,
      ],
    ],
    true,
  ),
  ...pair(
    "I10",
    ["product-svc", "order-svc"],
    [
      [
        "order-svc",
        "UPDATE outbox SET event_id = 'other' WHERE aggregate = 'orders/:short' AND version = 1",
        "orders/:short",
        /is nothing/,
      ],
    ],
    true,
  ),
  ...pair(
    "I1",
    ["order-svc", "product-svc"],
    [
      [
        "order-svc",
        "UPDATE orders SET stock_state = 'RESERVED' WHERE id = ':paid'",
        "orders/:paid",
        /waits for its stock to be sold/,
      ],
      ["order-svc", "UPDATE orders SET state = 'PENDING' WHERE id = ':paid'", "orders/:paid", /waits for its stock/],
    ],
    true,
  ),
  ...pair(
    "I1",
    ["order-svc", "payment-svc"],
    [
      [
        "order-svc",
        "UPDATE orders SET refunded_minor = 0 WHERE id = ':returned'",
        "orders/:returned",
        /waits for its refund/,
      ],
      [
        "order-svc",
        "UPDATE orders SET payment_state = NULL WHERE id = ':short'",
        "orders/:short",
        /payment to be closed/,
      ],
    ],
    true,
  ),
  ...pair(
    "I2",
    ["order-svc", "payment-svc"],
    [
      [
        "payment-svc",
        "UPDATE refunds SET state = 'REQUESTED' WHERE payment_id = ':partly'",
        "orders/:partly",
        /the order knows of 2598 and 500/,
      ],
      ["payment-svc", "UPDATE payments SET state = 'VOIDED' WHERE id = ':paid'", "orders/:paid", /payment VOIDED/],
    ],
    true,
  ),
  ...pair(
    "I5",
    ["payment-svc", "test-provider"],
    [["payment-svc", "UPDATE payments SET state = 'CAPTURING' WHERE id = ':paid'", "payments/:paid", /not yet booked/]],
    true,
  ),
];
