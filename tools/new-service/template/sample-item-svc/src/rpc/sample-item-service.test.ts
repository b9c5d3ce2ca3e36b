import assert from "node:assert/strict";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { newId } from "@quartet/chassis/ids";
import { createPageTokens } from "@quartet/chassis/page-token";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { implement } from "@quartet/chassis/rpc/implement";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { SampleItemService } from "@quartet/proto/shop/sample_item/v1/sample_item_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createCreateSampleItem } from "../app/create-sample-item.ts";
import { createDeleteSampleItem } from "../app/delete-sample-item.ts";
import { createUpdateSampleItem } from "../app/update-sample-item.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createSampleItemQueries } from "../storage/sample-item-queries.ts";
import { createSampleItemStore } from "../storage/sample-item-store.ts";
import { theFirst } from "../testing/builders.ts";
import { createSampleItemServiceImpl } from "./sample-item-service.ts";

describe("SampleItemService", () => {
  const now = Date.now;
  const tokens = createTestTokens();
  let database: Database;
  let client: Client<typeof SampleItemService>;
  let ada: { headers: Record<string, string> };
  let bob: typeof ada;
  let admin: typeof ada;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    const unitOfWork = createUnitOfWork({ database, now });
    const sampleItems = createSampleItemStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }) });
    const implementation = createSampleItemServiceImpl({
      queries: createSampleItemQueries({ database }),
      createSampleItem: createCreateSampleItem({ sampleItems, now, newId }),
      updateSampleItem: createUpdateSampleItem({ sampleItems, now }),
      deleteSampleItem: createDeleteSampleItem({ sampleItems }),
      pageTokens: createPageTokens({ key: new Uint8Array(32) }),
    });
    const verifier = createTokenVerifier({ keys: tokens.keySet, issuer: "quartet", audience: "quartet", now });
    const registrations = [implement(SampleItemService, implementation)];
    client = createClient(SampleItemService, inMemoryTransport({ registrations, verifier }));
    const as = async (userId: string, role: "customer" | "admin" = "customer") => ({
      headers: { authorization: `Bearer ${await tokens.sign({ userId, role })}` },
    });
    [ada, bob, admin] = [await as("ada"), await as("bob"), await as("root", "admin")];
  });

  afterEach(() => database.close());

  const create = async (changes = {}) => await client.createSampleItem({ ...theFirst, ...changes }, ada);
  const fails = (call: Promise<unknown>, code: Code, reason: string, text = /./) =>
    assert.rejects(call, (error) => {
      assert.ok(error instanceof ConnectError);
      assert.deepEqual([error.code, errorInfoOf(error)?.reason], [code, reason]);
      assert.match(error.rawMessage, text);
      return true;
    });

  it("creates a sample item that its owner and administrators can read", async () => {
    const created = await create();
    assert.match(created.name, /^sampleItems\/[0-9a-f-]{36}$/);
    assert.deepEqual([created.user, created.displayName, created.etag], ["users/ada", theFirst.displayName, '"1"']);
    assert.deepEqual(await client.getSampleItem({ name: created.name }, ada), created);
    assert.deepEqual(await client.getSampleItem({ name: created.name }, admin), created);
  });

  it("lets nobody know of a sample item of someone else", async () => {
    const { name } = await create();
    await fails(client.getSampleItem({ name }, bob), Code.NotFound, "SAMPLE_ITEM_NOT_FOUND");
    const change = client.updateSampleItem({ sampleItem: { name, displayName: "Bob's" } }, bob);
    await fails(change, Code.NotFound, "SAMPLE_ITEM_NOT_FOUND");
    await fails(client.deleteSampleItem({ name }, bob), Code.NotFound, "SAMPLE_ITEM_NOT_FOUND");
    await fails(client.getSampleItem({ name }), Code.Unauthenticated, "MISSING_TOKEN");
    assert.deepEqual((await client.listSampleItems({}, bob)).sampleItems, []);
  });

  it("creates one sample item for a request id or an idempotency key", async () => {
    const request = { ...theFirst, requestId: newId() };
    const { name } = await client.createSampleItem(request, ada);
    assert.equal((await client.createSampleItem(request, ada)).name, name);
    const other = client.createSampleItem({ ...request, displayName: "Another" }, ada);
    await fails(other, Code.AlreadyExists, "REQUEST_ID_REUSED", /request_id/);
    const headers = { ...ada.headers, "idempotency-key": "my first" };
    const byKey = await client.createSampleItem(theFirst, { headers });
    assert.equal((await client.createSampleItem(theFirst, { headers })).name, byKey.name);
  });

  it("changes what the mask names, or what is not empty", async () => {
    const { name } = await create();
    const byMask = await client.updateSampleItem(
      { sampleItem: { name, displayName: "Second" }, updateMask: { paths: ["display_name"] } },
      ada,
    );
    assert.deepEqual([byMask.displayName, byMask.etag], ["Second", '"2"']);
    const byContent = await client.updateSampleItem({ sampleItem: { name, displayName: "Third" } }, ada);
    assert.deepEqual([byContent.displayName, byContent.etag], ["Third", '"3"']);
    const unchanged = await client.updateSampleItem({ sampleItem: { name } }, ada);
    assert.deepEqual(unchanged, byContent);
  });

  it("refuses a change that leaves no name, or of what cannot be changed", async () => {
    const { name } = await create();
    const change = (path: string) =>
      client.updateSampleItem({ sampleItem: { name }, updateMask: { paths: [path] } }, ada);
    await fails(change("*"), Code.InvalidArgument, "INVALID_FIELDS", /^sample_item\.display_name/);
    await fails(change("user"), Code.InvalidArgument, "INVALID_FIELDS", /update_mask/);
  });

  it("changes and deletes only the version that the etag is of", async () => {
    const { name, etag } = await create();
    await client.updateSampleItem({ sampleItem: { name, etag, displayName: "Second" } }, ada);
    const late = client.updateSampleItem({ sampleItem: { name, etag, displayName: "Third" } }, ada);
    await fails(late, Code.Aborted, "ETAG_MISMATCH");
    await fails(client.deleteSampleItem({ name, etag }, ada), Code.Aborted, "ETAG_MISMATCH");
    await client.deleteSampleItem({ name, etag: '"2"' }, ada);
    await fails(client.deleteSampleItem({ name }, ada), Code.NotFound, "SAMPLE_ITEM_NOT_FOUND");
  });

  it("lists newest first, in pages that hold while others are added", async () => {
    const names: string[] = [];
    for (let count = 0; count < 5; count++) names.unshift((await create()).name);
    const first = await client.listSampleItems({ pageSize: 3 }, ada);
    await create();
    const second = await client.listSampleItems({ pageSize: 3, pageToken: first.nextPageToken }, ada);
    const listed = [...first.sampleItems, ...second.sampleItems].map(({ name }) => name);
    assert.deepEqual([listed, second.nextPageToken], [names, ""]);
    const foreign = client.listSampleItems({ pageToken: first.nextPageToken }, bob);
    await fails(foreign, Code.InvalidArgument, "INVALID_PAGE_TOKEN", /page_token/);
  });

  for (const [what, changes, field] of [
    ["without a name", { displayName: "" }, "display_name"],
    ["with a name that is too long", { displayName: "a".repeat(201) }, "display_name"],
  ] as const) {
    it(`refuses a sample item ${what} and names the field`, async () => {
      await fails(create(changes), Code.InvalidArgument, "INVALID_FIELDS", new RegExp(`^${field}\\b`));
    });
  }
});
