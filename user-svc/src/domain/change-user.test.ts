import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { aUser, beginTime } from "../testing/builders.ts";
import { changePassword, deleteUser, makeAdministrator, type UserChanges, updateUser } from "./change-user.ts";
import type { User } from "./user.ts";

const now = beginTime + 5_000;
const refusal = (reason: string, field?: string) => (error: unknown) => {
  assert.ok(error instanceof DomainError);
  assert.deepEqual([error.reason, error.fields[0]?.field], [reason, field]);
  return true;
};

describe("updateUser", () => {
  const update = (user: User | undefined, changes: UserChanges, more: { owner?: User; version?: number } = {}) =>
    updateUser(user, "ada", { ...changes, emailOwner: more.owner, expectedVersion: more.version }, now);

  it("changes what is named, raises the version and says so", () => {
    const { next, events } = update(aUser(), { displayName: "Ada L." }, { version: 3 });
    assert.deepEqual(next, aUser({ displayName: "Ada L.", version: 4, updateTime: now }));
    assert.deepEqual(events, [{ kind: "updated", userId: "ada", version: 4, time: now }]);
  });

  it("keeps addresses in lower case and without blanks around", () => {
    assert.equal(update(aUser(), { email: " ADA@Example.com " }).next.email, "ada@example.com");
  });

  it("leaves everything when nothing changes, also an address in other case", () => {
    const user = aUser();
    for (const changes of [{}, { displayName: "Ada" }, { email: "ADA@example.org", displayName: "Ada" }]) {
      const { next, events } = update(user, changes, { owner: user });
      assert.equal(next, user);
      assert.deepEqual(events, []);
    }
  });

  it("refuses the address of another user, and a version that is not the present one", () => {
    const eve = aUser({ id: "eve", email: "eve@example.org" });
    assert.throws(() => update(aUser(), { email: eve.email }, { owner: eve }), refusal("EMAIL_TAKEN", "user.email"));
    for (const version of [0, 2, 4]) {
      assert.throws(() => update(aUser(), {}, { version }), refusal("ETAG_MISMATCH", "etag"));
    }
    assert.throws(() => update(undefined, {}), refusal("USER_NOT_FOUND"));
  });
});

describe("changePassword", () => {
  const change = (user: User | undefined, verifiedHash: string) =>
    changePassword(user, "ada", { verifiedHash, newHash: "$argon2id$new" }, now);

  it("begins another epoch of sessions", () => {
    const { next, events } = change(aUser(), "$argon2id$old");
    assert.deepEqual(next, aUser({ passwordHash: "$argon2id$new", version: 4, sessionEpoch: 2, updateTime: now }));
    assert.deepEqual(events, [{ kind: "passwordChanged", userId: "ada", version: 4, time: now }]);
  });

  it("refuses when the password was changed after it was checked, and when the user is gone", () => {
    assert.throws(() => change(aUser(), "$argon2id$older"), refusal("WRONG_PASSWORD", "current_password"));
    assert.throws(() => change(undefined, "$argon2id$old"), refusal("USER_NOT_FOUND"));
  });
});

describe("makeAdministrator", () => {
  it("tells of the new role and of the new password, one version after the other", () => {
    const { next, events } = makeAdministrator(aUser(), "$argon2id$new", now);
    assert.deepEqual([next.role, next.version, next.sessionEpoch], ["ADMIN", 5, 2]);
    assert.deepEqual(
      events.map(({ kind, version }) => [kind, version]),
      [
        ["updated", 4],
        ["passwordChanged", 5],
      ],
    );
  });

  it("tells only of the password of an administrator", () => {
    const { next, events } = makeAdministrator(aUser({ role: "ADMIN" }), "$argon2id$new", now);
    assert.deepEqual([next.version, events.map(({ kind }) => kind)], [4, ["passwordChanged"]]);
  });
});

describe("deleteUser", () => {
  it("leaves id, version and time, and says so", () => {
    const { next, events } = deleteUser(aUser(), "ada", 3, now);
    assert.deepEqual(next, { id: "ada", version: 4, deleteTime: now });
    assert.deepEqual(events, [{ kind: "deleted", userId: "ada", version: 4, time: now }]);
  });

  it("refuses a version that is not the present one, and a user who is gone", () => {
    assert.throws(() => deleteUser(aUser(), "ada", 2, now), refusal("ETAG_MISMATCH", "etag"));
    assert.throws(() => deleteUser(undefined, "ada", undefined, now), refusal("USER_NOT_FOUND"));
  });
});
