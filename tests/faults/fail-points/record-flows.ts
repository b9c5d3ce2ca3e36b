import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { eventually } from "@quartet/chassis/testing/eventually";
import { patient, shopClient } from "../../e2e/shop-client.ts";
import type { Flow } from "./order-flows.ts";

const patienceMs = 60_000;
const keyed = () => ({ "idempotency-key": randomUUID() });

/** A product is created, changed, filled up and archived; every call is made twice, and order-svc hears of it. */
export const products: Flow = async (shop) => {
  const { admin, system } = shop;
  const twice = async (method: string, path: string, body: unknown, headers: Record<string, string> = {}) => {
    const first = await admin.call(method, path, body, headers);
    const second = await admin.call(method, path, body, headers);
    for (const answer of [first, second]) assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`);
    assert.equal(second.body.name, first.body.name, `${path}: a repeated request made another product`);
    return second.body;
  };
  const price = { currency: "EUR", minorUnits: "500" };
  const bowl = { displayName: "Bowl", category: "kitchen", price, initialQuantity: 3 };
  const { name } = await twice("POST", "/v1/products", bowl, keyed());
  const known = async () => {
    const rows = await system.query<{ id: string; price: number; archived: number }>(
      "order-svc",
      `SELECT price_minor AS price, archived FROM products WHERE 'products/' || id = '${name}'`,
    );
    return rows[0];
  };
  await eventually("order-svc knows the product", async () => (await known())?.price === 500, patienceMs);
  await twice("PATCH", `/v1/${name}?updateMask=price`, { price: { currency: "EUR", minorUnits: "700" } });
  await eventually("order-svc knows its price", async () => (await known())?.price === 700, patienceMs);
  const adjusted = await twice("POST", `/v1/${name}:adjustStock`, { quantityDelta: 4, reason: "found" }, keyed());
  assert.equal(adjusted.availableQuantity, 7);
  const archived = await twice("POST", `/v1/${name}:archive`, {});
  assert.equal(archived.state, "STATE_ARCHIVED");
  await eventually("order-svc knows of its end", async () => (await known())?.archived === 1, patienceMs);
};

/**
 * An account is made, changed, given another password, logged in, renewed and logged out. What has no request id is not
 * repeated blindly: whoever got no answer looks what has become of it.
 */
export const accounts: Flow = async ({ system: { gateway } }) => {
  let unanswered = 0;
  const as = (token?: string) => patient(shopClient(gateway, token), () => unanswered++);
  /** The status of a call that succeeds or, when it had to be repeated, fails as one that was carried out before. */
  const carriedOut = async (
    token: string | undefined,
    method: string,
    path: string,
    body: unknown,
    repeated: number,
  ) => {
    const before = unanswered;
    const answer = await as(token).call(method, path, body);
    const expected = unanswered > before ? [200, repeated] : [200];
    assert.ok(expected.includes(answer.status), `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };
  const email = `${randomUUID()}@example.org`;
  const [old, next] = ["correct horse battery staple", "another horse battery staple"];
  const key = keyed();
  const signUp = () => as().call("POST", "/v1/users", { email, password: old, displayName: "Eve" }, key);
  const [first, second] = [await signUp(), await signUp()];
  assert.deepEqual([first.status, second.status], [200, 200], JSON.stringify([first.body, second.body]));
  assert.equal(second.body.name, first.body.name, "a repeated request made another account");

  const logIn = async (password: string) => (await as().call("POST", "/v1/sessions", { email, password })).body;
  const { accessToken } = await logIn(old);
  const renamed = await as(accessToken).call("PATCH", "/v1/users/me?updateMask=displayName", { displayName: "Eva" });
  assert.deepEqual([renamed.status, renamed.body.displayName], [200, "Eva"]);

  const other = await logIn(old);
  const change = { currentPassword: old, newPassword: next };
  await carriedOut(accessToken, "POST", "/v1/users/me:changePassword", change, 400);
  const withOld = await as().call("POST", "/v1/sessions", { email, password: old });
  assert.equal(withOld.status, 401, "the old password still opens a session");
  const ended = await as().call("POST", "/v1/sessions:refresh", { refreshToken: other.refreshToken });
  assert.equal(ended.status, 401, "a session of the old password goes on");

  const session = await logIn(next);
  const refreshToken = { refreshToken: session.refreshToken };
  const renewed = await carriedOut(undefined, "POST", "/v1/sessions:refresh", refreshToken, 401);
  const reused = await as().call("POST", "/v1/sessions:refresh", refreshToken);
  assert.equal(reused.status, 401, "a refresh token was good twice");
  assert.ok(renewed.status !== 200 || renewed.body.name === session.name);

  const last = await logIn(next);
  await carriedOut(last.accessToken, "DELETE", `/v1/${last.name}`, undefined, 404);
  const gone = await as().call("POST", "/v1/sessions:refresh", { refreshToken: last.refreshToken });
  assert.equal(gone.status, 401, "a session went on after its logout");
};
