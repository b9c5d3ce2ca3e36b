import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, it } from "mocha";
import { seedProducts } from "./products.ts";
import { requestIdOf, seed } from "./seed.ts";

describe("seed", () => {
  let server: Server;
  let gatewayUrl: string;
  const created = new Map<string, { displayName: string; initialQuantity: number }>();
  let busyAnswers = 0;

  beforeEach(async () => {
    created.clear();
    busyAnswers = 0;
    server = createServer(async (request, response): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
      const answer = (status: number, value: unknown): void => {
        response.writeHead(status).end(JSON.stringify(value));
      };
      if (busyAnswers > 0) {
        busyAnswers -= 1;
        return answer(503, { code: 14, message: "busy" });
      }
      const url = new URL(request.url ?? "", "http://shop");
      if (url.pathname === "/v1/sessions") {
        return body.password === "right" ? answer(200, { accessToken: "token" }) : answer(401, { code: 16 });
      }
      if (request.method === "POST") {
        if (request.headers.authorization !== "Bearer token") return answer(401, { code: 16 });
        created.set(body.requestId, body);
        return answer(200, body);
      }
      const start = Number(url.searchParams.get("pageToken") || 0);
      const all = [...created.values()];
      const end = start + Number(url.searchParams.get("pageSize"));
      answer(200, { products: all.slice(start, end), nextPageToken: end < all.length ? String(end) : "" });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    gatewayUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const admin = { email: "admin@quartet.example", password: "right" };

  it("creates every product once, however often it runs", async () => {
    assert.deepEqual(await seed({ gatewayUrl, admin }), { created: seedProducts.length, present: 0 });
    assert.deepEqual(await seed({ gatewayUrl, admin }), { created: 0, present: seedProducts.length });
    assert.equal(created.size, seedProducts.length);
  });

  it("creates what is missing after a run that broke off", async () => {
    await seed({ gatewayUrl, admin, products: seedProducts.slice(0, 7) });
    assert.deepEqual(await seed({ gatewayUrl, admin }), { created: seedProducts.length - 7, present: 7 });
  });

  it("tries again when the shop is busy", async () => {
    busyAnswers = 1;
    const products = seedProducts.slice(0, 1);
    assert.deepEqual(await seed({ gatewayUrl, admin, products }), { created: 1, present: 0 });
  });

  it("says when the administrator's password is refused, and creates nothing", async () => {
    assert.equal(await seed({ gatewayUrl, admin: { ...admin, password: "wrong" } }), "refused");
    assert.equal(created.size, 0);
  });

  it("holds about fifty products with unique names, valid categories and request ids of their own", () => {
    assert.ok(seedProducts.length >= 45 && seedProducts.length <= 60, String(seedProducts.length));
    assert.equal(new Set(seedProducts.map(({ displayName }) => displayName)).size, seedProducts.length);
    assert.equal(new Set(seedProducts.map(requestIdOf)).size, seedProducts.length);
    for (const product of seedProducts) {
      assert.match(requestIdOf(product), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.match(product.category, /^[a-z0-9]+(-[a-z0-9]+)*$/);
      assert.ok(product.priceCents >= 1 && product.quantity >= 1);
    }
  });
});
