import type { Database } from "@quartet/chassis/storage/database";
import { gte, sql } from "@quartet/chassis/storage/drizzle";
import { isOneOf } from "@quartet/chassis/storage/placeholders";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { KnownProduct, ProductReplica } from "../app/ports.ts";
import { products } from "./schema.ts";

/** Creates the replica of the products on SQLite. */
export function createProductReplica(options: { database: Database; unitOfWork: UnitOfWork }): ProductReplica {
  const { unitOfWork } = options;
  const { orm } = options.database;

  const productsByIds = orm.select().from(products).where(isOneOf(products.id, "ids")).prepare();

  const save = (known: readonly KnownProduct[]) => {
    for (const { price, ...product } of known) {
      const row = { ...product, currency: price.currency, priceMinor: price.minorUnits };
      const { id: _, confirmTime: __, ...described } = row;
      orm
        .insert(products)
        .values(row)
        .onConflictDoUpdate({
          target: products.id,
          // News may arrive late: what is true since later stays so.
          set: { ...described, confirmTime: sql`max(${products.confirmTime}, excluded.confirm_time)` },
          setWhere: gte(sql`excluded.version`, products.version),
        })
        .run();
    }
    return { value: undefined };
  };

  return {
    async find(productIds) {
      const rows = productsByIds.all({ ids: JSON.stringify(productIds) });
      return new Map(
        rows.map(({ currency, priceMinor, ...row }) => [
          row.id,
          { ...row, price: { currency, minorUnits: priceMinor } },
        ]),
      );
    },
    async confirm(known) {
      await unitOfWork.commit(() => save(known));
    },
    record: (product, message) => unitOfWork.commitMessage(message, () => save([product])),
  };
}
