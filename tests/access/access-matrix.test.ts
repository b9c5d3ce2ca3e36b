import assert from "node:assert/strict";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { newId } from "@quartet/chassis/ids";
import { policyOf } from "@quartet/chassis/rpc/policy";
import { Access, Idempotency } from "@quartet/proto/shop/options/v1/options_pb";
import { after, before, describe, it } from "mocha";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import { type Belonging, makeBelonging, otherFields } from "./belongings.ts";
import { callers, type Standing } from "./callers.ts";
import { allMethods, answerOf, failureOf, nameOf, requestOf, resourceOf } from "./methods.ts";
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
  const requestFor = (method: DescMethod, name: string) => {
    const hasRequestId = method.input.fields.some((field) => field.name === "request_id");
    const fields = { ...(hasRequestId && { requestId: newId() }), ...otherFields[method.name] };
    return requestOf(method, fields, { path: resourceFor(method).field, value: name });
  };
  const call = (method: DescMethod, name: string, authorization: string | undefined) =>
    failureOf(shop.transportTo(method.parent), method, requestFor(method, name), authorization);

  /** Of each collection, one that is there to be read by some and refused to others. */
  const guarded = new Map<string, { belonging: Belonging; before: Message | undefined }>();
  const guardedOf = async (collection: string) => {
    const known = guarded.get(collection);
    if (known !== undefined) return known;
    const belonging = await makeBelonging(shop, stocked, collection);
    const made = { belonging, before: await look(collection, belonging) };
    guarded.set(collection, made);
    return made;
  };
  /** Whoever may change or delete what it calls for gets one of its own. */
  const belongingFor = async (method: DescMethod, verdict: string): Promise<Belonging> => {
    const { collection } = resourceFor(method);
    const isKept = verdict !== "let in" || policyOf(method).idempotency === Idempotency.NO_SIDE_EFFECTS;
    return isKept ? (await guardedOf(collection)).belonging : makeBelonging(shop, stocked, collection);
  };
  const methodOn = (collection: string, isWanted: (method: DescMethod) => boolean) =>
    allMethods().find((method) => resourceOf(method)?.collection === collection && isWanted(method));
  const ownerOf = async ({ userId }: Belonging) => (await shop.authorizationOf(userId)).authorization;
  /** What its owner gets to see of a resource; undefined where no method returns just that. */
  const look = async (collection: string, belonging: Belonging) => {
    const reader = methodOn(collection, ({ name }) => name.startsWith("Get"));
    if (reader === undefined) return undefined;
    const request = requestFor(reader, belonging.name);
    return answerOf(shop.transportTo(reader.parent), reader, request, await ownerOf(belonging));
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
          const isForOne = resourceOf(method) !== undefined || policyOf(method).access === Access.OWNER;
          const belonging = isForOne ? await belongingFor(method, verdict) : undefined;
          const authorization = await caller.authorization(shop.tokens, belonging?.userId ?? stocked.userId);
          const failure =
            belonging === undefined
              ? await failureOf(shop.transportTo(method.parent), method, requestOf(method), authorization)
              : await call(method, belonging.name, authorization);
          const answer = nameOf(failure);
          if (verdict === "not found") assert.match(answer, /^NotFound [A-Z_]+_NOT_FOUND$/);
          else if (verdict !== "let in") assert.equal(answer, verdict);
          else if (belonging !== undefined) assert.equal(answer, "OK");
          // Whoever is let in with an empty request gets to hear from the validation behind the gate, or a list.
          else assert.match(answer, /^(OK|InvalidArgument INVALID_FIELDS)$/);
        });
      }
    });
  }

  describe("once everybody has tried", () => {
    it("has left what was refused as it was", async () => {
      assert.ok(guarded.size >= 4);
      for (const [collection, { belonging, before }] of guarded) {
        if (before !== undefined) {
          assert.deepEqual(await look(collection, belonging), before);
          continue;
        }
        // Nothing shows it alone, but its owner can still do something with it.
        const method = methodOn(collection, () => true) ?? assert.fail();
        assert.equal(nameOf(await call(method, belonging.name, await ownerOf(belonging))), "OK", collection);
      }
    });
  });

  const strangers = callers.filter(({ standing }) => standing === "stranger");
  const forOwners = allMethods().filter((method) => policyOf(method).access === Access.OWNER);
  for (const method of forOwners) {
    it(`lets nobody tell a stranger's resource from a missing one by ${method.name}`, async () => {
      const { collection } = resourceFor(method);
      const { name, userId } = await belongingFor(method, "not found");
      const missing = `${collection}/${"0".repeat(8)}-0000-7000-8000-${"0".repeat(12)}`;
      const [stranger] = strangers;
      const authorization = await stranger?.authorization(shop.tokens, userId);
      const answers = await Promise.all(
        [name, missing].map(async (resource) => {
          const failure = await call(method, resource, authorization);
          return visible(failure ?? assert.fail(`${resource} was found`), resource);
        }),
      );
      assert.deepEqual(answers[0], answers[1]);
      assert.match(answers[0]?.message ?? "", /RESOURCE|ID/);
    });
  }

  it("has owners of orders, payments, sessions and users", () => {
    const names = forOwners.map(({ name }) => name);
    for (const name of [
      "GetOrder",
      "CancelOrder",
      "ListOrderEvents",
      "WatchOrder",
      "GetPayment",
      "DeleteUser",
      "DeleteSession",
    ]) {
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
