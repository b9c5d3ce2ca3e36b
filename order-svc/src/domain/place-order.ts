import { DomainError, type ErrorKind } from "@quartet/chassis/domain-error";
import { eventOf } from "./advance-order.ts";
import type { Moment, Money, Order, OrderLine, Transition } from "./order.ts";
import { orderEventTypes } from "./order.ts";
import { refuseCardNumber } from "./payment-token.ts";

/** Largest total of an order, in minor units: what the contract's Money holds. */
export const orderTotalMaxMinor = 1_000_000_000_000;

/** A product as far as placing an order needs to know it. */
export interface PricedProduct {
  readonly id: string;
  readonly version: number;
  readonly displayName: string;
  readonly price: Money;
  readonly archived: boolean;
}

/** What a customer asks for. */
export interface OrderRequest {
  readonly userId: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
  readonly paymentToken: string;
  readonly expectedTotal?: Money;
}

/**
 * Refuses what is wrong whatever the prices are: DomainError invalid DUPLICATE_PRODUCT, CARD_NUMBER_REFUSED.
 * Separate from placeOrder so that nobody is asked for the prices of a request that cannot succeed.
 */
export function checkRequest(request: OrderRequest): void {
  refuseCardNumber(request.paymentToken);
  const seen = new Set<string>();
  for (const [index, line] of request.lines.entries()) {
    if (seen.has(line.productId)) {
      throw refusedLine("DUPLICATE_PRODUCT", index, line.productId, "each product may stand in an order once");
    }
    seen.add(line.productId);
  }
}

/** Refuses the order of a user whose account was deleted: DomainError failed_precondition USER_DELETED. */
export function refuseDeletedUser(userId: string, isDeleted: boolean): void {
  if (!isDeleted) {
    return;
  }
  const user = `users/${userId}`;
  throw new DomainError("failed_precondition", "USER_DELETED", `the account ${user} was deleted`, {
    metadata: { user },
  });
}

/** The refusal of one line, naming its field. */
export function unknownProduct(request: OrderRequest, productId: string): DomainError {
  const index = request.lines.findIndex((line) => line.productId === productId);
  return refusedLine("UNKNOWN_PRODUCT", Math.max(index, 0), productId, "there is no such product");
}

/**
 * Places an order: PENDING, with its event. Throws DomainError invalid DUPLICATE_PRODUCT, UNKNOWN_PRODUCT,
 * MIXED_CURRENCIES, TOTAL_TOO_LARGE, CARD_NUMBER_REFUSED; failed_precondition PRODUCT_ARCHIVED, TOTAL_MISMATCH.
 */
export function placeOrder(
  id: string,
  request: OrderRequest,
  products: ReadonlyMap<string, PricedProduct>,
  moment: Moment,
): Transition {
  checkRequest(request);
  const priced = request.lines.map((line) => {
    const product = products.get(line.productId);
    if (product === undefined) {
      throw unknownProduct(request, line.productId);
    }
    return { product, quantity: line.quantity };
  });
  const total = totalOf(priced);
  for (const [index, { product }] of priced.entries()) {
    if (product.archived) {
      throw refusedLine("PRODUCT_ARCHIVED", index, product.id, "is no longer sold", "failed_precondition");
    }
  }
  expectTotal(request.expectedTotal, total);

  const order: Order = {
    id,
    userId: request.userId,
    state: "PENDING",
    version: 1,
    lines: priced.map(toLine),
    currency: total.currency,
    totalMinor: total.minorUnits,
    capturedMinor: 0,
    refundedMinor: 0,
    stockVersion: 0,
    paymentVersion: 0,
    paymentToken: request.paymentToken,
    step: { eventId: moment.eventId, time: moment.time },
    createTime: moment.time,
    updateTime: moment.time,
  };
  const { eventId, time, traceId } = moment;
  return {
    next: order,
    events: [eventOf(order, eventId)],
    entry: { sequence: 1, state: "PENDING", cause: { type: orderEventTypes.placed, eventId }, time, traceId },
  };
}

interface PricedLine {
  readonly product: PricedProduct;
  readonly quantity: number;
}

function toLine({ product, quantity }: PricedLine): OrderLine {
  return {
    productId: product.id,
    productVersion: product.version,
    displayName: product.displayName,
    quantity,
    unitPriceMinor: product.price.minorUnits,
  };
}

function totalOf(lines: readonly PricedLine[]): Money {
  const currencies = [...new Set(lines.map(({ product }) => product.price.currency))];
  const [currency] = currencies;
  if (currency === undefined || currencies.length > 1) {
    const listed = currencies.join(" and ");
    throw new DomainError("invalid", "MIXED_CURRENCIES", `lines: have prices in ${listed}`, {
      metadata: { currencies: currencies.join(",") },
      fields: [{ field: "lines", description: `have prices in ${listed}` }],
    });
  }
  let minorUnits = 0;
  for (const { product, quantity } of lines) {
    minorUnits += product.price.minorUnits * quantity;
    // Checked at each step: a sum that has left the safe integers must not come back into the range unseen.
    if (minorUnits > orderTotalMaxMinor) {
      const description = `come to more than ${orderTotalMaxMinor} minor units`;
      throw new DomainError("invalid", "TOTAL_TOO_LARGE", `lines: ${description}`, {
        metadata: { max_minor_units: String(orderTotalMaxMinor) },
        fields: [{ field: "lines", description }],
      });
    }
  }
  return { currency, minorUnits };
}

function expectTotal(expected: Money | undefined, total: Money): void {
  if (expected === undefined) {
    return;
  }
  if (expected.currency !== total.currency || expected.minorUnits !== total.minorUnits) {
    const description = `is not the total, which is ${total.minorUnits} ${total.currency}`;
    throw new DomainError("failed_precondition", "TOTAL_MISMATCH", `expected_total: ${description}`, {
      metadata: {
        expected_currency: expected.currency,
        expected_minor_units: String(expected.minorUnits),
        total_currency: total.currency,
        total_minor_units: String(total.minorUnits),
      },
      fields: [{ field: "expected_total", description }],
    });
  }
}

function refusedLine(
  reason: string,
  index: number,
  productId: string,
  description: string,
  kind: ErrorKind = "invalid",
): DomainError {
  const field = `lines[${index}].product`;
  return new DomainError(kind, reason, `${field}: ${description}`, {
    metadata: { product: `products/${productId}` },
    fields: [{ field, description }],
  });
}
