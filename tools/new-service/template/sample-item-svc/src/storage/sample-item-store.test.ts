import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { assertSchemaMatches } from "@quartet/chassis/testing/schema-check";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { SampleItemQueries, SampleItemStore } from "../app/ports.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { aSampleItem } from "../testing/builders.ts";
import { createSampleItemQueries } from "./sample-item-queries.ts";
import { createSampleItemStore } from "./sample-item-store.ts";
import * as schema from "./schema.ts";

describe("the store of sample items", () => {
  let database: Database;
  let store: SampleItemStore;
  let queries: SampleItemQueries;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let eventCount = 0;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++eventCount}` });
    store = createSampleItemStore({ database, unitOfWork: createUnitOfWork({ database, now: () => 7 }), toOutgoing });
    queries = createSampleItemQueries({ database });
  });

  afterEach(() => database.close());

  const claim = (requestId: string, hash = "h") => ({ caller: "users/ada", method: "Test", requestId, hash });
  const create = (changes = {}, request = claim("r1")) => {
    const sampleItem = aSampleItem(changes);
    return store.create(request, () => ({ next: sampleItem, events: [{ kind: "created", sampleItem }] }));
  };
  const published = () =>
    database.orm
      .select()
      .from(outbox)
      .all()
      .map(({ type }) => type.split(".").at(-1));

  it("has the tables that the schema describes", () => {
    assertSchemaMatches(database, schema);
  });

  it("saves a sample item and its event together", async () => {
    assert.deepEqual(await create(), aSampleItem());
    assert.deepEqual(await queries.get("1"), aSampleItem());
    assert.deepEqual(published(), ["SampleItemCreated"]);
  });

  it("refuses the id of a request for another one", async () => {
    await create();
    await assert.rejects(
      create({ id: "2" }, claim("r1", "other")),
      (error) => error instanceof DomainError && error.reason === "REQUEST_ID_REUSED",
    );
    assert.equal(await queries.get("2"), undefined);
  });

  it("leaves everything as it was when a decision throws", async () => {
    await create();
    const refused = () => {
      throw new DomainError("failed_precondition", "REFUSED", "no");
    };
    await assert.rejects(store.update("1", refused), DomainError);
    await assert.rejects(store.delete("1", refused), DomainError);
    assert.deepEqual(await queries.get("1"), aSampleItem());
    assert.deepEqual(published(), ["SampleItemCreated"]);
  });

  it("lists the sample items of one user, newest first, from any place on", async () => {
    for (const id of ["1", "2", "3"]) await create({ id }, claim(id));
    await create({ id: "4", userId: "bob" }, claim("4"));
    const list = async (afterId: string | undefined, limit: number) =>
      (await queries.list({ userId: "ada", afterId, limit })).map(({ id }) => id);
    assert.deepEqual(await list(undefined, 2), ["3", "2"]);
    assert.deepEqual(await list("2", 2), ["1"]);
  });

  it("keeps no sample item without a name, whatever the code does", async () => {
    await create();
    const statement = database.sqlite.prepare("UPDATE sample_items SET display_name = ''");
    assert.throws(() => statement.run(), /CHECK constraint failed/);
  });
});
