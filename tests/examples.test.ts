import { after, before, describe } from "mocha";
import { startNativeSystem } from "./e2e/native-system.ts";
import { logIn, newCustomer, newProduct } from "./e2e/shop-client.ts";
import type { ExampleShop } from "./examples/example-shop.ts";
import { goClientCases } from "./examples/go-client-cases.ts";
import { grpcStatusCases } from "./examples/grpc-status-cases.ts";
import { packingListCases } from "./examples/packing-list-cases.ts";

describe("the examples", function () {
  // The first run fetches and compiles what the examples are made of.
  this.timeout(300_000);
  let shop: ExampleShop;

  before(async () => {
    const system = await startNativeSystem();
    shop = { system, ada: await newCustomer(system.gateway), cup: "" };
    const cup = await newProduct(await logIn(system.gateway, system.admin), { initialQuantity: 10_000 });
    shop = { ...shop, cup };
  });
  after(async () => {
    await shop?.system.close();
  });

  // First: an order that was confirmed before its queue was declared is not for the consumer.
  packingListCases(() => shop);
  grpcStatusCases(() => shop);
  goClientCases(() => shop);
});
