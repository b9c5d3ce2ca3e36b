import assert from "node:assert/strict";
import { eventually } from "@quartet/chassis/testing/eventually";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { type NativeSystem, startNativeSystem } from "./native-system.ts";
import { startOrderStream } from "./order-stream.ts";
import { logIn, newCustomer, newProduct, type ShopClient } from "./shop-client.ts";

/** A call that each process of the service answers itself, from the file they share. */
const calls = {
  "order-svc": "shop.order.v1.OrderService/ListOrders",
  "product-svc": "shop.product.v1.ProductService/ListProducts",
  "payment-svc": "shop.payment.v1.PaymentService/ListPayments",
} as const;
const takeOverTimeoutMs = 30_000;

describe("two processes of one service on one file", function () {
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
    await ada.settles(await ada.order([{ product: cup, quantity: 1 }]));
  });
  after(async () => {
    await system?.close();
  });

  const metric = async (httpUrl: string, name: string) => {
    const text = await (await fetch(`${httpUrl}/metrics`)).text();
    const line = text.split("\n").find((candidate) => candidate.startsWith(name));
    assert.ok(line, `${httpUrl} has no ${name}`);
    return Number(line.split(" ").at(-1));
  };
  const isLeader = async (httpUrl: string) => (await metric(httpUrl, "leader_lock_held")) === 1;
  const published = (httpUrl: string) => metric(httpUrl, 'outbox_published_total{result="confirmed"');

  for (const service of ["order-svc", "product-svc", "payment-svc"] as const) {
    it(`share the work of ${service} under one leader, whose work the other takes over when it is killed`, async () => {
      const { stack } = system;
      const twin = await stack.startTwin(service);
      await stack.ready({ names: [twin.name] });
      const first = stack.urls.http[service];
      for (const url of [first, twin.http]) {
        const headers = { "content-type": "application/json", authorization: `Bearer ${ada.token}` };
        const answer = await fetch(`${url}/${calls[service]}`, { method: "POST", headers, body: "{}" });
        assert.equal(answer.status, 200, await answer.text());
      }

      const stream = startOrderStream({ customer: ada, product: cup, soldOut, count: 32 });
      await stream.acknowledged(8);
      assert.deepEqual([await isLeader(first), await isLeader(twin.http)], [true, false]);
      assert.equal(await published(twin.http), 0);
      await stack.stop(service, "SIGKILL");
      await eventually(`${twin.name} leads`, () => isLeader(twin.http), takeOverTimeoutMs);
      await system.start(service);
      await stream.finished();
      assert.deepEqual([await isLeader(first), await isLeader(twin.http)], [false, true]);
      assert.equal(await published(first), 0);
      assert.ok((await published(twin.http)) > 0);
      await assertBooksAgree(system);

      await stack.stop(twin.name);
      await eventually(`${service} leads again`, () => isLeader(first), takeOverTimeoutMs);
      await ada.settles(await ada.order([{ product: cup, quantity: 1 }]));
    });
  }

  it("end with stock, orders, payments and ledger in agreement", () => assertBooksAgree(system));
});
