import assert from "node:assert/strict";
import type { DescMethod } from "@bufbuild/protobuf";
import { policyOf } from "@quartet/chassis/rpc/policy";
import { Access } from "@quartet/proto/shop/options/v1/options_pb";
import { after, before, describe, it } from "mocha";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import { type Belonging, makeBelonging, otherFields } from "./belongings.ts";
import { callers, type Standing } from "./callers.ts";
import { allMethods, failureOf, nameOf, requestOf, resourceOf } from "./methods.ts";
import { folderOf, type RunningShop, type StockedShop, startShop, stockShop } from "./running-shop.ts";

/** What the policy alone says of a caller: let in, or the answer. */
function verdictOf(method: DescMethod, standing: Standing): "let in" | string {
  if (typeof standing === "object") return `Unauthenticated ${standing.refusedFor}`;
  const { access } = policyOf(method);
  switch (access) {
    case Access.PUBLIC:
      return "let in";
    case Access.USER:
      return standing === "anonymous" ? "Unauthenticated MISSING_TOKEN" : "let in";
    case Access.OWNER:
      if (standing === "anonymous") return "Unauthenticated MISSING_TOKEN";
      return standing === "stranger" ? "not found" : "let in";
    case Access.ADMIN:
      if (standing === "anonymous") return "Unauthenticated MISSING_TOKEN";
      return standing === "admin" ? "let in" : "PermissionDenied ADMIN_REQUIRED";
    default:
      return "PermissionDenied NOT_CALLABLE";
  }
}

describe("the access policy", () => {
  let shop: RunningShop;
  let stocked: StockedShop;

  before(async () => {
    shop = await startShop();
    stocked = await stockShop(shop);
  });
  after(() => shop.stop());

  const resourceFor = (method: DescMethod) =>
    resourceOf(method) ?? assert.fail(`${method.name} is for owners and its path names no resource`);
  const requestFor = (method: DescMethod, name: string) =>
    requestOf(method, otherFields[method.name], { path: resourceFor(method).field, value: name });

  /** Of each collection, one that is there to be refused to others. */
  const guarded = new Map<string, Belonging>();
  /** Whoever is let in may change or delete what it calls for, and gets one of its own. */
  const belongingFor = async (method: DescMethod, standing: Standing): Promise<Belonging> => {
    const { collection } = resourceFor(method);
    const make = () => makeBelonging(shop, stocked, collection);
    if (standing === "owner" || standing === "admin") return await make();
    const kept = guarded.get(collection) ?? (await make());
    guarded.set(collection, kept);
    return kept;
  };

  it("covers every service", () => {
    const folders = new Set(allMethods().map((method) => folderOf(method.parent)));
    assert.deepEqual([...folders].sort(), [...serviceNames].sort());
    assert.ok(allMethods().length >= 15);
  });

  for (const method of allMethods()) {
    describe(`of ${method.parent.typeName}/${method.name}`, () => {
      for (const caller of callers) {
        const verdict = verdictOf(method, caller.standing);
        it(`answers ${caller.name}: ${verdict}`, async () => {
          const isForOwners = policyOf(method).access === Access.OWNER;
          const belonging = isForOwners ? await belongingFor(method, caller.standing) : undefined;
          const authorization = await caller.authorization(shop.tokens, belonging?.userId ?? stocked.userId);
          const request = belonging === undefined ? requestOf(method) : requestFor(method, belonging.name);
          const failure = await failureOf(shop.transportTo(method.parent), method, request, authorization);
          const answer = nameOf(failure);
          if (verdict === "not found") assert.match(answer, /^NotFound [A-Z_]+_NOT_FOUND$/);
          else if (verdict !== "let in") assert.equal(answer, verdict);
          // Whoever is let in with an empty request gets to hear from the validation behind the gate, or a list.
          else if (isForOwners) assert.equal(answer, "OK");
          else assert.match(answer, /^(OK|InvalidArgument INVALID_FIELDS)$/);
        });
      }
    });
  }

  const strangers = callers.filter(({ standing }) => standing === "stranger");
  const forOwners = allMethods().filter((method) => policyOf(method).access === Access.OWNER);
  for (const method of forOwners) {
    it(`lets nobody tell a stranger's resource from a missing one by ${method.name}`, async () => {
      const { collection } = resourceFor(method);
      const { name, userId } = await belongingFor(method, "stranger");
      const missing = `${collection}/${"0".repeat(8)}-0000-7000-8000-${"0".repeat(12)}`;
      const [stranger] = strangers;
      const authorization = await stranger?.authorization(shop.tokens, userId);
      const answers = await Promise.all(
        [name, missing].map(async (resource) => {
          const request = requestFor(method, resource);
          const failure = await failureOf(shop.transportTo(method.parent), method, request, authorization);
          return visible(failure ?? assert.fail(`${resource} was found`), resource);
        }),
      );
      assert.deepEqual(answers[0], answers[1]);
      assert.match(answers[0]?.message ?? "", /RESOURCE|ID/);
    });
  }

  it("has owners of orders, payments and users", () => {
    const names = forOwners.map(({ name }) => name);
    for (const name of ["GetOrder", "CancelOrder", "ListOrderEvents", "GetPayment", "GetUser"]) {
      assert.ok(names.includes(name), name);
    }
  });
});

/** Everything of an error that a caller can see, with the resource's name and id taken out. */
function visible(failure: NonNullable<Awaited<ReturnType<typeof failureOf>>>, resource: string) {
  const [, id = ""] = resource.split("/");
  const headers = [...failure.metadata.keys()].filter((key) => key !== "date").sort();
  const details = failure.details.map((detail) => {
    if (!("type" in detail)) return detail;
    return { type: detail.type, value: hide(Buffer.from(detail.value).toString("latin1")) };
  });
  function hide(text: string): string {
    return text.replaceAll(resource, "RESOURCE").replaceAll(id, "ID");
  }
  return { code: failure.code, message: hide(failure.message), details, headers };
}
