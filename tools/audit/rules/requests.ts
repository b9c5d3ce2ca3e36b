import type { RowRule } from "./row-rule.ts";

/** I8: what a request id made is what it is remembered for, and it made one. */
export const requestRules: readonly RowRule[] = [
  {
    invariant: "I8",
    source: "order-svc",
    name: "a request of a user has one order",
    sql: `
      SELECT 'users/' || user_id AS about, 'request ' || request_id || ' has ' || count(*) || ' orders' AS what
      FROM orders WHERE request_id IS NOT NULL GROUP BY user_id, request_id HAVING count(*) > 1`,
  },
  {
    invariant: "I8",
    source: "order-svc",
    name: "a claim names the order that its request placed",
    sql: `
      SELECT 'orders/' || c.resource AS about,
        'request ' || c.request_id || ' of ' || c.caller || ' is remembered for it, and it '
          || iif(o.id IS NULL, 'is missing', 'was placed by another') AS what
      FROM request_claims c LEFT JOIN orders o ON o.id = c.resource
      WHERE c.method GLOB '*/CreateOrder' AND (
        o.request_id IS NOT c.request_id OR 'users/' || o.user_id IS NOT c.caller OR o.request_hash IS NOT c.hash
      )`,
  },
  {
    invariant: "I8",
    source: "order-svc",
    name: "an order that a request placed has its claim",
    sql: `
      SELECT 'orders/' || o.id AS about, 'request ' || o.request_id || ' placed it, and nobody claimed it' AS what,
        o.create_time AS made
      FROM orders o
      LEFT JOIN (SELECT resource FROM request_claims WHERE method GLOB '*/CreateOrder') c ON c.resource = o.id
      WHERE o.request_id IS NOT NULL AND c.resource IS NULL`,
  },
  {
    invariant: "I8",
    source: "product-svc",
    name: "a claim names a product that is there",
    sql: `
      SELECT 'products/' || c.resource AS about, 'request ' || c.request_id || ' is remembered for it, and it is missing'
        AS what
      FROM request_claims c LEFT JOIN products p ON p.id = c.resource WHERE p.id IS NULL`,
  },
  {
    invariant: "I8",
    source: "product-svc",
    name: "each request to create made a product of its own",
    sql: oneEach("products/", "CreateProduct"),
  },
  {
    invariant: "I8",
    source: "payment-svc",
    name: "a claim names the refund that its request asked for",
    // One that the provider refuses, because everything went back without us, goes; and one that it had carried out before a
    // restore made us forget who asked for it has no hash.
    sql: `
      WITH asked AS (SELECT payment_id, sum(amount_minor) AS total FROM refunds GROUP BY payment_id)
      SELECT 'payments/' || c.resource AS about,
        'request ' || c.request_id || ' is remembered for a refund, and that '
          || iif(r.id IS NULL, 'is missing', 'was asked for by another') AS what
      FROM request_claims c
      LEFT JOIN refunds r ON r.id = c.resource || '/' || c.request_id
      LEFT JOIN payments p ON p.id = c.resource
      LEFT JOIN asked a ON a.payment_id = p.id
      WHERE iif(r.id IS NULL, coalesce(a.total, 0) < p.amount_minor OR p.id IS NULL,
        r.request_hash <> c.hash OR r.payment_id <> c.resource)`,
  },
  {
    invariant: "I8",
    source: "user-svc",
    name: "a claim names an account that is there, or was",
    sql: `
      SELECT 'users/' || c.resource AS about, 'request ' || c.request_id || ' is remembered for it, and it is missing'
        AS what
      FROM request_claims c
      WHERE c.resource NOT IN (SELECT id FROM users UNION ALL SELECT id FROM deleted_users)`,
  },
  {
    invariant: "I8",
    source: "user-svc",
    name: "each request to create made an account of its own",
    sql: oneEach("users/", "CreateUser"),
  },
];

function oneEach(collection: string, method: string): string {
  return `
      SELECT '${collection}' || resource AS about, count(*) || ' requests are remembered for having created it' AS what
      FROM request_claims WHERE method GLOB '*/${method}' GROUP BY resource HAVING count(*) > 1`;
}
