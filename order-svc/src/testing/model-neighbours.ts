import type { Money } from "../domain/order.ts";

/** What a neighbour said about an order. It may be heard late, repeatedly and in any order. */
export type Fact = { readonly id: string; readonly version: number } & News;

type News =
  | { readonly about: "stock"; readonly state: "RESERVED" | "REJECTED" | "SOLD" | "RELEASED" }
  | { readonly about: "money"; readonly state: "CAPTURED"; readonly amount: Money }
  | { readonly about: "money"; readonly state: "DECLINED" | "VOIDED" }
  | { readonly about: "money"; readonly state: "REFUNDED"; readonly refunded: Money };

/** What an order tells its neighbours. */
export type EventName = "OrderPlaced" | "OrderReadyForPayment" | "OrderConfirmed" | "OrderCancelled";

/** The stock and the money of one order, in the way in which product-svc and payment-svc treat them. */
export interface Neighbours {
  /** All that was said, in its order. */
  readonly facts: readonly Fact[];
  /** What is captured and not refunded, minor units. */
  kept(): number;
  /** product-svc looks at what it was told. False when it has nothing to say. */
  stock(isThere: boolean): boolean;
  /** payment-svc looks at what it was told. False when it has nothing to say. */
  money(isGood: boolean): boolean;
  /** An administrator refunds a part of what is kept. False when nothing is left. */
  refund(minorUnits: number): boolean;
}

/** Creates the neighbours of an order over `total`. `told` knows what it has told them so far. */
export function createNeighbours(orderId: string, total: Money, told: { has(name: EventName): boolean }): Neighbours {
  const facts: Fact[] = [];
  let stock: "unknown" | "held" | "rejected" | "sold" | "released" = "unknown";
  let money: "unknown" | "captured" | "closed" = "unknown";
  let refunded = 0;

  const say = (news: News) => {
    const earlier = facts.filter(({ about }) => about === news.about).length;
    // A payment has versions that nobody hears of: that it was opened, that a refund was asked for.
    const version = news.about === "stock" ? earlier + 1 : 2 * earlier + 2;
    facts.push({ ...news, id: `${orderId} ${news.about} ${earlier + 1}`, version });
    return true;
  };
  const refund = (minorUnits: number) => {
    const most = total.minorUnits - refunded;
    if (money !== "captured" || most === 0) return false;
    refunded += Math.min(minorUnits, most);
    return say({ about: "money", state: "REFUNDED", refunded: { ...total, minorUnits: refunded } });
  };

  return {
    facts,
    kept: () => (money === "captured" ? total.minorUnits - refunded : 0),
    stock(isThere) {
      if (told.has("OrderCancelled") && stock !== "released") {
        stock = "released";
        return say({ about: "stock", state: "RELEASED" });
      }
      if (stock === "unknown") {
        stock = isThere ? "held" : "rejected";
        return say({ about: "stock", state: isThere ? "RESERVED" : "REJECTED" });
      }
      if (told.has("OrderConfirmed") && stock === "held") {
        stock = "sold";
        return say({ about: "stock", state: "SOLD" });
      }
      return false;
    },
    money(isGood) {
      if (told.has("OrderCancelled")) {
        if (money === "captured") return refund(total.minorUnits);
        if (money === "closed") return false;
        // The provider was being asked when the cancellation came: what it captured goes back.
        if (isGood && told.has("OrderReadyForPayment")) {
          money = "captured";
          return say({ about: "money", state: "CAPTURED", amount: total });
        }
        money = "closed";
        return say({ about: "money", state: "VOIDED" });
      }
      if (!told.has("OrderReadyForPayment") || money !== "unknown") return false;
      money = isGood ? "captured" : "closed";
      return isGood
        ? say({ about: "money", state: "CAPTURED", amount: total })
        : say({ about: "money", state: "DECLINED" });
    },
    refund,
  };
}
