import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { credentials, Client as GrpcClient } from "@grpc/grpc-js";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { importJWK, type JWK, SignJWT } from "jose";
import { after, before, describe, it } from "mocha";
import { startNativeSystem } from "../e2e/native-system.ts";
import type { System } from "../e2e/system.ts";
import { type ReceivedRefusal, refusalByGrpc, refusalByRest, sendRest } from "./answers.ts";
import type { CallerName, Refusal } from "./bad-call.ts";
import { orderCases } from "./order-cases.ts";
import { paymentCases } from "./payment-cases.ts";
import { productCases } from "./product-cases.ts";
import { type StockedShop, stockShop } from "./stocked-shop.ts";
import { storedRows } from "./stored-rows.ts";
import { userCases } from "./user-cases.ts";

/** What Envoy makes of the codes that are used here. */
const httpStatus: Readonly<Partial<Record<Code, number>>> = {
  [Code.InvalidArgument]: 400,
  [Code.FailedPrecondition]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.Aborted]: 409,
};

describe("bad input", function () {
  this.timeout(120_000);
  let system: System;
  let shop: StockedShop;
  let grpc: GrpcClient;

  before(async () => {
    system = await startNativeSystem();
    shop = await stockShop(system);
    grpc = new GrpcClient(new URL(system.gateway).host, credentials.createInsecure());
  });
  after(async () => {
    grpc?.close();
    await system?.close();
  });

  const headersOf = (by: CallerName, more: Readonly<Record<string, string>> = {}): Record<string, string> => {
    const token = shop.tokens[by];
    return { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...more };
  };
  /** Runs calls that must change nothing. */
  const unchanged = async (calls: () => Promise<void>) => {
    const rows = await storedRows(system);
    await calls();
    assert.deepEqual(await storedRows(system), rows);
  };

  for (const badCall of [...orderCases, ...productCases, ...userCases, ...paymentCases]) {
    it(`${badCall.method.name} refuses ${badCall.what}, alike through REST and gRPC`, () =>
      unchanged(async () => {
        const request = badCall.request(shop);
        const headers = headersOf(badCall.by, badCall.headers);
        const byGrpc = await refusalByGrpc(grpc, badCall.method, request, headers);
        assertRefused(byGrpc, badCall.refusal);
        const byRest = await refusalByRest(system.gateway, badCall.method, request, headers);
        assertRefused(byRest, badCall.restRefusal ?? badCall.refusal);
        assert.equal(byRest?.status, httpStatus[byRest?.code as Code]);
        if (badCall.restRefusal === undefined) assert.equal(byRest?.message, byGrpc?.message);
      }));
  }

  const malformed: readonly [what: string, verb: string, path: string, body?: string][] = [
    ["JSON that ends too early", "POST", "/v1/orders", '{"lines":['],
    ["JSON with something behind it", "POST", "/v1/orders", '{"lines":[]} more'],
    ["a list for an object", "POST", "/v1/orders", "[]"],
    ["a text for a number", "POST", "/v1/orders", '{"lines":[{"product":"products/1","quantity":"many"}]}'],
    ["a fraction for a whole number", "POST", "/v1/orders", '{"lines":[{"product":"products/1","quantity":1.5}]}'],
    ["a number beyond int32", "POST", "/v1/orders", '{"lines":[{"product":"products/1","quantity":2147483648}]}'],
    ["a number beyond int64", "POST", "/v1/orders", '{"expectedTotal":{"minorUnits":"9223372036854775808"}}'],
    ["an object for a text", "POST", "/v1/orders", '{"paymentToken":{"a":1}}'],
    ["an unknown query parameter", "GET", "/v1/orders?colour=red"],
    ["a text for a number in the query", "GET", "/v1/orders?pageSize=many"],
    ["an unknown word for an enum in the query", "GET", "/v1/orders?state=STATE_LOST"],
  ];
  for (const [what, verb, path, body] of malformed) {
    it(`REST refuses ${what}`, () =>
      unchanged(async () => {
        const refusal = await sendRest(system.gateway, verb, path, body, headersOf("customer"));
        assertRefused(refusal, { code: Code.InvalidArgument, reason: "MALFORMED_REQUEST" });
        assert.equal(refusal?.status, 400);
      }));
  }

  const { createOrder } = OrderService.method;
  const bytes: readonly [what: string, bytes: Uint8Array][] = [
    ["a message that ends too early", Uint8Array.of(0x0a, 0x05, 0x01)],
    ["a field of another type", Uint8Array.of(0x10, 0x01)],
    ["text that is no UTF-8", Uint8Array.of(0x12, 0x02, 0xc3, 0x28)],
    ["bytes that are no message", Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
  ];
  for (const [what, request] of bytes) {
    it(`gRPC refuses ${what}`, () =>
      unchanged(async () => {
        const refusal = await refusalByGrpc(grpc, createOrder, request, headersOf("customer"));
        assert.equal(refusal?.code, Code.InvalidArgument, refusal?.message);
        assert.equal(refusal?.domain, "quartet");
      }));
  }

  /** Signs a token with the key of user-svc itself. */
  const signed = async (claims: { issuedAt: string; expires: string; audience?: string }): Promise<string> => {
    const [row] = await system.query<{ kid: string; private_jwk: string }>("user-svc", "SELECT * FROM signing_keys");
    assert.ok(row);
    return new SignJWT({ role: "admin", sid: "s" })
      .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: row.kid })
      .setIssuer("quartet")
      .setAudience(claims.audience ?? "quartet")
      .setSubject(shop.customer.slice("users/".length))
      .setIssuedAt(claims.issuedAt)
      .setExpirationTime(claims.expires)
      .sign(await importJWK(JSON.parse(row.private_jwk) as JWK, "ES256"));
  };
  const tokens: readonly [what: string, reason: string, token: () => Promise<string>][] = [
    ["that is expired", "TOKEN_EXPIRED", () => signed({ issuedAt: "-20m", expires: "-5m" })],
    ["for somebody else", "INVALID_TOKEN", () => signed({ issuedAt: "-1m", expires: "5m", audience: "other" })],
    ["with a changed end", "INVALID_TOKEN", async () => forged(await signed({ issuedAt: "-1m", expires: "5m" }))],
    ["that is none", "INVALID_TOKEN", async () => "token"],
  ];
  for (const [what, reason, token] of tokens) {
    it(`everything refuses a token ${what}, alike through REST and gRPC`, () =>
      unchanged(async () => {
        const headers = { authorization: `Bearer ${await token()}` };
        const request = { lines: [{ product: shop.cup, quantity: 1 }], paymentToken: "tok_visa" };
        const refusal: Refusal = { code: Code.Unauthenticated, reason };
        assertRefused(await refusalByGrpc(grpc, createOrder, request, headers), refusal);
        const byRest = await refusalByRest(system.gateway, createOrder, request, headers);
        assertRefused(byRest, refusal);
        assert.equal(byRest?.status, 401);
      }));
  }
});

function assertRefused(received: ReceivedRefusal | undefined, { code, reason, field }: Refusal): void {
  assert.ok(received, "the call succeeded");
  const seen = JSON.stringify(received);
  assert.equal(received.reason, reason, seen);
  assert.equal(Code[received.code], Code[code], seen);
  assert.equal(received.domain, "quartet");
  assert.ok(received.message.length > 0);
  if (field === undefined) return;
  assert.ok(received.fields.includes(field), seen);
  assert.ok(received.message.includes(field), seen);
}

function forged(token: string): string {
  const [header, claims = "", signature] = token.split(".");
  const changed = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), exp: 4_000_000_000 };
  return `${header}.${Buffer.from(JSON.stringify(changed)).toString("base64url")}.${signature}`;
}
