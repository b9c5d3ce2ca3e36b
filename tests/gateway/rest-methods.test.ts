import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "mocha";
import { assertRestError } from "./expected-error.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";

const json = { "content-type": "application/json" };

describe("the methods of the shop as REST", () => {
  let fixture: GatewayFixture;
  let headers: Record<string, string>;
  before(async () => {
    fixture = await startFixture();
    headers = { ...(await fixture.bearer("admin")) };
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  /** What the service was asked; fails when the gateway refused. */
  const asked = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    fixture.services.reset();
    const sent = typeof body === "string" ? { headers: { ...headers, ...json }, body } : { headers, body };
    const answer = await fixture.http(method, path, sent);
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    return fixture.services.calls[0]?.request;
  };
  /** The gateway's refusal as text; fails when the service was asked. */
  const refused = async (method: string, path: string, body?: unknown): Promise<string> => {
    fixture.services.reset();
    const sent = typeof body === "string" ? { headers: { ...headers, ...json }, body } : { headers, body };
    const answer = await fixture.http(method, path, sent);
    assertRestError(answer, 400, 3, "MALFORMED_REQUEST");
    assert.equal(fixture.services.calls.length, 0, `${method} ${path} arrived`);
    return answer.text;
  };

  describe("PATCH", () => {
    const lamp = { displayName: "Lamp", price: { currency: "EUR", minorUnits: "500" } };

    it("takes the resource as its body and its name from the path", async () => {
      assert.deepEqual(await asked("PATCH", "/v1/products/1", lamp), { product: { name: "products/1", ...lamp } });
      const user = await asked("PATCH", "/v1/users/me", { email: "a@b.example" });
      assert.deepEqual(user, { user: { name: "users/me", email: "a@b.example" } });
    });

    it("takes the mask from the query, in either case of its name and of its fields", async () => {
      for (const query of [
        "updateMask=displayName,price",
        "updateMask=display_name,price",
        "update_mask=display_name,price",
        "updateMask=displayName%2Cprice",
        "updateMask=displayName&updateMask=price",
        "updateMask.paths=display_name&updateMask.paths=price",
      ]) {
        const request = await asked("PATCH", `/v1/products/1?${query}`, lamp);
        assert.deepEqual(request, { product: { name: "products/1", ...lamp }, updateMask: "displayName,price" }, query);
      }
      const all = await asked("PATCH", "/v1/products/1?updateMask=*", {});
      assert.deepEqual(all, { product: { name: "products/1" }, updateMask: "*" });
    });

    it("takes a whole resource as it was read, name, etag and all", async () => {
      const product = {
        name: "products/1",
        ...lamp,
        category: "light",
        availableQuantity: 5,
        state: "STATE_ACTIVE",
        version: "3",
        createTime: "2026-01-01T00:00:00Z",
        updateTime: "2026-01-01T00:00:00.123Z",
        etag: '"3"',
      };
      assert.deepEqual(await asked("PATCH", "/v1/products/1", { ...product, description: "" }), { product });
    });

    it("refuses a body with the name of another resource", async () => {
      for (const body of ['{"name":"users/2"}', '{"email":"a@b.example","n\\u0061me":"users/2"}', '{"name":""}']) {
        assert.match(await refused("PATCH", "/v1/users/1", body), /users\/1.* is conflicting/);
      }
      assert.match(await refused("POST", "/v1/products/1:archive", { name: "products/2" }), /is conflicting/);
    });

    it("ignores fields that do not exist", async () => {
      const request = await asked("PATCH", "/v1/products/1", { displayName: "Lamp", colour: { is: ["red"] } });
      assert.deepEqual(request, { product: { name: "products/1", displayName: "Lamp" } });
    });
  });

  it("DELETE takes an etag in the query, and needs none", async () => {
    assert.deepEqual(await asked("DELETE", "/v1/users/me"), { name: "users/me" });
    assert.deepEqual(await asked("DELETE", "/v1/users/me?etag=%223%22"), { name: "users/me", etag: '"3"' });
    assert.deepEqual(await asked("DELETE", "/v1/sessions/1"), { name: "sessions/1" });
  });

  it("GET takes filters, nested ones too, and an order", async () => {
    const orders = await asked("GET", "/v1/orders?state=STATE_PENDING&user=users/-");
    assert.deepEqual(orders, { state: "STATE_PENDING", user: "users/-" });
    const bounds = "minPrice.currency=EUR&minPrice.minorUnits=100&max_price.currency=EUR&max_price.minor_units=200";
    assert.deepEqual(await asked("GET", `/v1/products?search=caf%C3%A9+lamp&${bounds}&orderBy=price%20desc`), {
      search: "café lamp",
      minPrice: { currency: "EUR", minorUnits: "100" },
      maxPrice: { currency: "EUR", minorUnits: "200" },
      orderBy: "price desc",
    });
    const names = ["products/1", "products/2"];
    assert.deepEqual(await asked("GET", "/v1/products:batchGet?names=products/1&names=products/2"), { names });
    assert.match(await refused("GET", "/v1/orders?state=PENDING"), /PENDING/);
  });

  it("custom methods stand beside their resources", async () => {
    assert.deepEqual(await asked("POST", "/v1/sessions:refresh", { refreshToken: "x" }), { refreshToken: "x" });
    assert.equal(fixture.services.calls[0]?.path, "/shop.user.v1.UserService/RefreshSession");
    const passwords = { currentPassword: "x", newPassword: "y" };
    const change = await asked("POST", "/v1/users/me:changePassword", passwords);
    assert.deepEqual(change, { name: "users/me", ...passwords });
    const archive = await asked("POST", "/v1/products/1:archive", { etag: '"3"' });
    assert.deepEqual(archive, { name: "products/1", etag: '"3"' });
  });

  it("the query never says again what path or body say", async () => {
    const hidden = /says again|say again/;
    for (const query of ["name=orders/2", "name=orders/1", "n%61me=orders/2", "a=b&name=orders/2", "name"]) {
      assert.match(await refused("GET", `/v1/orders/1?${query}`), hidden);
    }
    assert.match(await refused("GET", "/v1/orders/1/events?pageSize=5&parent=orders/2"), hidden);
    for (const query of ["user.name=users/2", "user.n%61me=users/2", "user.display_name=Eve"]) {
      assert.match(await refused("PATCH", `/v1/users/1?${query}`, { email: "a@b.example" }), hidden);
    }
    assert.match(await refused("POST", "/v1/sessions?password=secret", { email: "a@b.example" }), hidden);
    assert.match(await refused("POST", "/v1/sessions/?password=secret", { email: "a@b.example" }), hidden);
    assert.match(await refused("POST", "/v1/orders/1:cancel?name=orders/2"), hidden);
    assert.deepEqual(await asked("GET", "/v1/orders?user=users/1&pageToken=name%3D"), {
      user: "users/1",
      pageToken: "name=",
    });
  });
});
