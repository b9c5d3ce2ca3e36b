import type { Database } from "@quartet/chassis/storage/database";
import { eq, type InferSelectModel, sql } from "@quartet/chassis/storage/drizzle";
import { isOneOf } from "@quartet/chassis/storage/placeholders";
import type { Product } from "../domain/product.ts";
import type { Products, Reservation } from "../domain/reservation.ts";
import { nameSortKey } from "./name-sort-key.ts";
import { products, reservationLines, reservations } from "./schema.ts";

type ProductRow = InferSelectModel<typeof products>;

/** Loads what decisions need. Called inside and outside transactions. */
export function createProductRows(database: Database) {
  const { orm } = database;
  const productById = orm
    .select()
    .from(products)
    .where(eq(products.id, sql.placeholder("id")))
    .prepare();
  const productsByIds = orm.select().from(products).where(isOneOf(products.id, "ids")).prepare();
  const reservationById = orm
    .select()
    .from(reservations)
    .where(eq(reservations.orderId, sql.placeholder("orderId")))
    .prepare();
  const linesByOrder = orm
    .select({ productId: reservationLines.productId, quantity: reservationLines.quantity })
    .from(reservationLines)
    .where(eq(reservationLines.orderId, sql.placeholder("orderId")))
    .prepare();

  return {
    product(id: string): Product | undefined {
      const row = productById.get({ id });
      return row === undefined ? undefined : toProduct(row);
    },

    products(ids: readonly string[]): Products {
      const rows = productsByIds.all({ ids: JSON.stringify(ids) });
      return new Map(rows.map((row) => [row.id, toProduct(row)]));
    },

    reservation(orderId: string): Reservation | undefined {
      const row = reservationById.get({ orderId });
      if (row === undefined) return undefined;
      return { orderId, state: row.state, lines: linesByOrder.all({ orderId }), version: row.version };
    },
  };
}

/** Returns the product in a row. */
export function toProduct(row: ProductRow): Product {
  const { seq: _, nameSortKey: __, currency, priceMinor, ...product } = row;
  return { ...product, price: { currency, minorUnits: priceMinor } };
}

/** Returns the row of a product; its number is given by the database. */
export function toRow(product: Product): Omit<ProductRow, "seq"> {
  const { price, ...row } = product;
  const { currency, minorUnits: priceMinor } = price;
  return { ...row, nameSortKey: nameSortKey(product.displayName), currency, priceMinor };
}
