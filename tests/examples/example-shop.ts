import type { NativeSystem } from "../e2e/native-system.ts";
import type { ShopClient } from "../e2e/shop-client.ts";

/** The system that the examples run against, with a customer and a product of which there is enough. */
export interface ExampleShop {
  readonly system: NativeSystem;
  readonly ada: ShopClient;
  readonly cup: string;
}
