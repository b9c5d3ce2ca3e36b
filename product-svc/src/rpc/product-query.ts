import { DomainError, invalidField } from "@quartet/chassis/domain-error";
import type { ListProductsRequest } from "@quartet/proto/shop/product/v1/product_service_pb";
import type { ProductOrder, ProductQuery } from "../app/ports.ts";

const sorts: readonly ProductOrder["by"][] = ["create_time", "display_name", "price"];
const defaultOrder: ProductOrder = { by: "create_time", descending: true };

/**
 * Returns what a request asks for. Throws `invalid` MIXED_CURRENCIES when the bounds of the price are in two
 * currencies, and INVALID_FIELDS for an order that there is none of.
 */
export function toProductQuery(request: ListProductsRequest): ProductQuery {
  const { category, search, minPrice, maxPrice, orderBy } = request;
  if (minPrice !== undefined && maxPrice !== undefined && minPrice.currency !== maxPrice.currency) {
    throw mixedCurrencies(minPrice.currency, maxPrice.currency);
  }
  const bound = minPrice ?? maxPrice;
  return {
    category,
    search,
    price: bound && {
      currency: bound.currency,
      minMinor: minPrice && Number(minPrice.minorUnits),
      maxMinor: maxPrice && Number(maxPrice.minorUnits),
    },
    order: orderBy === "" ? defaultOrder : toOrder(orderBy),
  };
}

function toOrder(orderBy: string): ProductOrder {
  const [name, direction = "asc"] = orderBy.split(" ");
  const by = sorts.find((sort) => sort === name);
  if (by === undefined) throw invalidField("INVALID_FIELDS", "order_by", `must name one of ${sorts.join(", ")}`);
  return { by, descending: direction === "desc" };
}

function mixedCurrencies(min: string, max: string): DomainError {
  const description = `must be in ${min} as min_price, is in ${max}`;
  return new DomainError("invalid", "MIXED_CURRENCIES", `max_price: ${description}`, {
    metadata: { currencies: `${min},${max}` },
    fields: [{ field: "max_price", description }],
  });
}
