import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { createPasswordHasher } from "./password-hasher.ts";

describe("the password hasher", () => {
  it("knows the right password from a wrong one and from none", async () => {
    const hasher = await createPasswordHasher({ concurrentMax: 1, waitingMax: 10 });
    const hash = await hasher.hash("correct horse");
    assert.equal(await hasher.verify("correct horse", hash), true);
    assert.equal(await hasher.verify("wrong horse", hash), false);
    assert.equal(await hasher.verify("nobody has this password", undefined), false);
  });

  it("never makes the same hash twice", async () => {
    const hasher = await createPasswordHasher({ concurrentMax: 2, waitingMax: 10 });
    assert.notEqual(await hasher.hash("correct horse"), await hasher.hash("correct horse"));
  });

  it("refuses more than it lets wait, and serves again afterwards", async () => {
    const hasher = await createPasswordHasher({ concurrentMax: 2, waitingMax: 3 });
    const results = await Promise.allSettled(Array.from({ length: 9 }, () => hasher.hash("correct horse")));
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 4);
    for (const { reason } of refused) {
      assert.ok(reason instanceof DomainError && reason.reason === "TOO_MANY_LOGINS" && reason.retryDelayMs === 1_000);
    }
    assert.match(await hasher.hash("correct horse"), /^\$argon2id\$/);
  });
});
