import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createSampleItemRows } from "../storage/sample-item-rows.ts";
import { createSampleItemStore } from "../storage/sample-item-store.ts";
import { theFirst } from "../testing/builders.ts";
import { type CreateSampleItem, createCreateSampleItem } from "./create-sample-item.ts";
import { createDeleteSampleItem, type DeleteSampleItem } from "./delete-sample-item.ts";
import { createUpdateSampleItem, type UpdateSampleItem } from "./update-sample-item.ts";

describe("the commands of sample items", () => {
  let database: Database;
  let create: CreateSampleItem;
  let update: UpdateSampleItem;
  let remove: DeleteSampleItem;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let ids = 0;
    const [now, newId] = [() => 1_000, () => `id-${++ids}`];
    const unitOfWork = createUnitOfWork({ database, now });
    const sampleItems = createSampleItemStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }) });
    create = createCreateSampleItem({ sampleItems, now, newId });
    update = createUpdateSampleItem({ sampleItems, now });
    remove = createDeleteSampleItem({ sampleItems });
  });

  afterEach(() => database.close());

  const input = { userId: "ada", ...theFirst };
  const request = (requestId: string) => ({ caller: "users/ada", method: "Create", requestId, hash: "h" });
  const stored = (id: string) => createSampleItemRows(database).sampleItem(id);
  const eventCount = () => database.orm.select().from(outbox).all().length;
  const refusal = (reason: string) => (error: unknown) => error instanceof DomainError && error.reason === reason;

  it("create one sample item for a request, also when it is repeated at once", async () => {
    const [first, second] = await Promise.all([create(input, request("r1")), create(input, request("r1"))]);
    assert.deepEqual(first, second);
    assert.notEqual((await create(input, request("r2"))).id, first.id);
    assert.equal(eventCount(), 2);
  });

  it("return the sample item of a repeated request as it is now, and know when it is deleted", async () => {
    const { id } = await create(input, request("r1"));
    await update({ sampleItemId: id, changes: { displayName: "Another" }, expectedVersion: undefined });
    assert.equal((await create(input, request("r1"))).displayName, "Another");
    await remove({ sampleItemId: id, expectedVersion: undefined });
    await assert.rejects(create(input, request("r1")), refusal("SAMPLE_ITEM_NOT_FOUND"));
  });

  it("let one of several changes of the same version through", async () => {
    const { id } = await create(input, undefined);
    const changes = ["Red", "Green", "Blue"].map((displayName) =>
      update({ sampleItemId: id, changes: { displayName }, expectedVersion: 1 }),
    );
    const results = await Promise.allSettled(changes);
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
    assert.equal(stored(id)?.version, 2);
  });

  it("delete a sample item once, and only in the version that is expected", async () => {
    const { id } = await create(input, undefined);
    await assert.rejects(remove({ sampleItemId: id, expectedVersion: 2 }), refusal("ETAG_MISMATCH"));
    assert.ok(stored(id));
    await remove({ sampleItemId: id, expectedVersion: 1 });
    assert.equal(stored(id), undefined);
    await assert.rejects(remove({ sampleItemId: id, expectedVersion: undefined }), refusal("SAMPLE_ITEM_NOT_FOUND"));
    const change = update({ sampleItemId: id, changes: {}, expectedVersion: undefined });
    await assert.rejects(change, refusal("SAMPLE_ITEM_NOT_FOUND"));
  });
});
