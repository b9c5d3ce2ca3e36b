import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Database } from "@quartet/chassis/storage/database";
import { assertSchemaMatches } from "@quartet/chassis/testing/schema-check";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import { migrations } from "../migrations.ts";
import * as schema from "./schema.ts";
import { loadSigningKeys } from "./signing-key-store.ts";

describe("the user database", () => {
  let database: Database;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
  });
  afterEach(() => database.close());

  it("has the tables that the schema describes", () => {
    assertSchemaMatches(database, schema);
  });

  it("keeps no password that is not argon2id, and no address in capitals", () => {
    const insert = database.sqlite.prepare("INSERT INTO users VALUES (?, ?, 'Ada', 'CUSTOMER', ?, 1, 0, 0, 1)");
    assert.throws(() => insert.run("1", "ada@example.org", "plain"), /CHECK constraint failed/);
    assert.throws(() => insert.run("1", "Ada@example.org", "$argon2id$x"), /CHECK constraint failed/);
    insert.run("1", "ada@example.org", "$argon2id$x");
    assert.throws(() => insert.run("2", "ada@example.org", "$argon2id$x"), /UNIQUE constraint failed/);
  });

  it("adds to a database of before, whose sessions end", async () => {
    const before = await openTestDatabase();
    before.sqlite.exec(readFileSync(new URL("0000_users.sql", migrations.folder), "utf8"));
    before.sqlite.exec(
      "INSERT INTO users VALUES ('ada', 'ada@example.org', 'Ada', 'CUSTOMER', '$argon2id$x', 2, 3, 4)",
    );
    before.sqlite.exec("INSERT INTO sessions VALUES ('s1', 'ada', 'hash', 5, 6)");
    before.sqlite.exec(readFileSync(new URL("0001_renewal_and_deletion.sql", migrations.folder), "utf8"));
    assert.deepEqual(before.orm.select().from(schema.users).all(), [
      {
        ...{ id: "ada", email: "ada@example.org", displayName: "Ada", role: "CUSTOMER", passwordHash: "$argon2id$x" },
        ...{ version: 2, createTime: 3, updateTime: 4, sessionEpoch: 1 },
      },
    ]);
    assert.deepEqual(before.orm.select().from(schema.sessions).all(), []);
    await before.close();
  });

  it("makes one signing key, also when two ask at once", async () => {
    const found = await Promise.all([loadSigningKeys(database, () => 1), loadSigningKeys(database, () => 2)]);
    const kids = found.flatMap((keys) => keys.map((key) => key.kid));
    assert.deepEqual(kids, [kids[0], kids[0]]);
  });
});
