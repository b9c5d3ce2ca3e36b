import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { createContextValues, createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import { describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import { thingService } from "../testing/thing-service.ts";
import { type Caller, callerKey } from "./caller.ts";
import { requestClaim } from "./request-claim.ts";

const method = thingService.methods[0];
const schema = method?.input;
if (method === undefined || schema === undefined) throw new Error("the test contract has no method");

const id = "0190a8f0-4d4f-7c1e-9d3a-1b2c3d4e5f60";

function contextOf(headers: Record<string, string> = {}, caller?: Caller): HandlerContext {
  const contextValues = createContextValues();
  if (caller !== undefined) contextValues.set(callerKey, caller);
  return createHandlerContext({
    service: thingService,
    method: method as never,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://test/",
    requestHeader: headers,
    contextValues,
  });
}

function claim(init: object, headers?: Record<string, string>, omit: string[] = []) {
  return requestClaim(contextOf(headers), schema as never, create(schema as never, init as never), { omit });
}

describe("requestClaim", () => {
  it("claims nothing for a call without an id", () => {
    assert.equal(claim({ name: "a" }), undefined);
    assert.equal(claim({ name: "a" }, { "idempotency-key": " " }), undefined);
  });

  it("takes the id from the field, in lower case, before the header", () => {
    assert.equal(claim({ requestId: id.toUpperCase() }, { "idempotency-key": "other" })?.requestId, id);
  });

  it("takes a UUID in the header as it is, and makes one of anything else", () => {
    assert.equal(claim({}, { "idempotency-key": id })?.requestId, id);
    const made = claim({}, { "idempotency-key": "order 7" })?.requestId;
    assert.match(made ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-5/);
    assert.equal(claim({}, { "idempotency-key": "order 7" })?.requestId, made);
    assert.notEqual(claim({}, { "idempotency-key": "order 8" })?.requestId, made);
  });

  it("refuses ids that cannot be one", () => {
    const isInvalid = (error: unknown): boolean =>
      error instanceof DomainError && error.kind === "invalid" && error.reason === "INVALID_REQUEST_ID";
    assert.throws(() => claim({ requestId: "nonsense" }), isInvalid);
    assert.throws(() => claim({}, { "idempotency-key": "x".repeat(256) }), isInvalid);
    for (const key of ["cl\u00e9", "a\tb", "\u00ff"]) {
      assert.throws(() => claim({}, { "idempotency-key": key }), isInvalid, JSON.stringify(key));
    }
  });

  it("names the caller and the method", () => {
    const user: Caller = { kind: "user", userId: "u1", role: "customer", sessionId: "s" };
    const message = create(schema as never, { requestId: id } as never);
    const claimed = requestClaim(contextOf({}, user), schema as never, message);
    assert.deepEqual([claimed?.caller, claimed?.method], ["users/u1", "test.v1.ThingService/Read"]);
    assert.equal(claim({ requestId: id })?.caller, "anonymous");
  });

  it("hashes what is asked, whatever the id and the order of map entries", () => {
    const hash = claim({ requestId: id, name: "a", labels: { x: "1", y: "2" } })?.hash;
    assert.equal(claim({ name: "a", labels: { y: "2", x: "1" } }, { "idempotency-key": "k" })?.hash, hash);
    assert.notEqual(claim({ requestId: id, name: "b", labels: { x: "1", y: "2" } })?.hash, hash);
    assert.notEqual(claim({ requestId: id, name: "a", labels: { x: "2", y: "1" } })?.hash, hash);
  });

  it("leaves omitted fields out of the hash, and the message as it was", () => {
    const message = create(schema as never, { requestId: id, name: "a", labels: { b: "1", a: "2" } } as never);
    const before = JSON.stringify(message);
    requestClaim(contextOf(), schema as never, message, { omit: ["name"] });
    assert.equal(JSON.stringify(message), before);
    const one = claim({ requestId: id, name: "a" }, {}, ["name"])?.hash;
    assert.equal(claim({ requestId: id, name: "b" }, {}, ["name"])?.hash, one);
    assert.throws(() => claim({ requestId: id }, {}, ["no_such_field"]));
  });
});
