import type { RowRule } from "./row-rule.ts";

const source = "product-svc";

/** I3, and what the stock of an order comes from: the reservations, in the same file. */
export const stockRules: readonly RowRule[] = [
  {
    invariant: "I3",
    source,
    name: "stock adds up to what was put in",
    sql: `
      SELECT 'products/' || p.id AS about,
        p.available || ' available, ' || p.held || ' held and ' || p.sold || ' sold, but ' || coalesce(a.total, 0)
          || ' were put in' AS what
      FROM products p
      LEFT JOIN (SELECT product_id, sum(quantity_delta) AS total FROM stock_adjustments GROUP BY product_id) a
        ON a.product_id = p.id
      WHERE p.available + p.held + p.sold <> coalesce(a.total, 0)`,
  },
  {
    invariant: "I3",
    source,
    name: "stock is never negative",
    sql: `
      SELECT 'products/' || id AS about, available || ' available, ' || held || ' held, ' || sold || ' sold' AS what
      FROM products WHERE min(available, held, sold) < 0`,
  },
  {
    invariant: "I3",
    source,
    name: "held and sold are those of the reservations",
    sql: `
      SELECT 'products/' || p.id AS about,
        p.held || ' held and ' || p.sold || ' sold, but reservations hold ' || coalesce(r.held, 0) || ' and have sold '
          || coalesce(r.sold, 0) AS what
      FROM products p
      LEFT JOIN (
        SELECT l.product_id, sum(iif(r.state = 'HELD', l.quantity, 0)) AS held,
          sum(iif(r.state = 'SOLD', l.quantity, 0)) AS sold
        FROM reservation_lines l JOIN reservations r USING (order_id) GROUP BY l.product_id
      ) r ON r.product_id = p.id
      WHERE p.held <> coalesce(r.held, 0) OR p.sold <> coalesce(r.sold, 0)`,
  },
  {
    invariant: "I3",
    source,
    name: "a reservation has lines as long as it holds or has sold them",
    sql: `
      SELECT 'orders/' || r.order_id AS about, 'its reservation is ' || r.state || ' with ' || count(l.product_id)
        || ' lines' AS what
      FROM reservations r LEFT JOIN reservation_lines l USING (order_id)
      GROUP BY r.order_id HAVING (count(l.product_id) > 0) <> (r.state IN ('HELD', 'SOLD'))`,
  },
];
