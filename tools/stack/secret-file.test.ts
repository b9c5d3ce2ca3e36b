import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readOrCreateSecret, writeSecretFile } from "./secret-file.ts";

describe("secret file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-secret-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("makes a random secret once, readable by its owner only", () => {
    const file = join(folder, "deep", "password");
    const secret = readOrCreateSecret(file);
    assert.match(secret, /^[0-9a-f]{48}$/);
    assert.equal(readOrCreateSecret(file), secret);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.notEqual(readOrCreateSecret(join(folder, "other")), secret);
  });

  it("makes another one in place of an empty file", () => {
    const file = join(folder, "password");
    writeSecretFile(file, "");
    assert.match(readOrCreateSecret(file), /^[0-9a-f]{48}$/);
  });

  it("replaces a file that was readable by others with one that is not", () => {
    const file = join(folder, "admin.json");
    writeSecretFile(file, "old", 0o644);
    writeSecretFile(file, "new");
    assert.equal(readFileSync(file, "utf8"), "new");
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });
});
