import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import { type NativeSystem, startNativeSystem } from "./native-system.ts";
import { startOrderStream } from "./order-stream.ts";
import { logIn, newCustomer, newProduct, password, patient, type ShopClient, shopClient } from "./shop-client.ts";
import type { PartName } from "./system.ts";

describe("the shop when a process dies in mid-flow", function () {
  this.timeout(180_000);
  let system: NativeSystem;
  let ada: ShopClient;
  let cup: string;
  let soldOut: string;

  before(async () => {
    system = await startNativeSystem();
    const admin = await logIn(system.gateway, system.admin);
    ada = await newCustomer(system.gateway);
    cup = await newProduct(admin, { initialQuantity: 10_000 });
    soldOut = await newProduct(admin, { initialQuantity: 0 });
  });
  after(async () => {
    await system?.close();
  });

  const orders = (count: number) => startOrderStream({ customer: ada, product: cup, soldOut, count });

  for (const part of ["order-svc", "product-svc", "payment-svc", "rabbitmq", "envoy"] satisfies PartName[]) {
    it(`settles every acknowledged order, each once, when ${part} is killed`, async () => {
      const stream = orders(32);
      await stream.acknowledged(10);
      await system.kill(part);
      await stream.finished();
      await assertBooksAgree(system);
    });
  }

  it("signs every customer up once when user-svc is killed meanwhile", async () => {
    const stream = orders(16);
    const signUp = async () => {
      const key = { "idempotency-key": randomUUID() };
      const account = { email: `${randomUUID()}@example.org`, password };
      const create = () =>
        patient(shopClient(system.gateway)).call("POST", "/v1/users", { ...account, displayName: "Bob" }, key);
      const [first, second] = [await create(), await create()];
      assert.deepEqual([first.status, second.status, second.body.name], [200, 200, first.body.name]);
      const login = await patient(shopClient(system.gateway)).call("POST", "/v1/sessions", account);
      assert.equal(login.status, 200, JSON.stringify(login.body));
    };
    const customers = Promise.all(Array.from({ length: 4 }, signUp));
    await Promise.all([system.kill("user-svc"), customers, stream.finished()]);
  });

  it("ends each service in order when it is told to stop under load, and goes on when it is back", async () => {
    const stream = orders(48);
    for (const [index, service] of serviceNames.entries()) {
      await stream.acknowledged(4 + 10 * index);
      await system.stop(service);
      const status = system.stack.status().find(({ name }) => name === service);
      assert.equal(status?.lastExit, 0, system.stack.logs(service).slice(-2_000));
      await system.start(service);
    }
    await stream.finished();
  });

  it("ends with stock, orders, payments and ledger in agreement", () => assertBooksAgree(system));
});
