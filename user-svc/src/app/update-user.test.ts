import assert from "node:assert/strict";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openTestCommands, type TestCommands } from "../testing/open-commands.ts";

const ada = { email: "ada@example.org", password: "correct horse battery staple", displayName: "Ada" };

describe("updateUser, the command", () => {
  const clock = fixedClock();
  let commands: TestCommands;
  let userId: string;

  beforeEach(async () => {
    commands = await openTestCommands(clock);
    userId = (await commands.createUser(ada, undefined)).id;
  });
  afterEach(() => commands.database.close());

  it("gives a new address to one of several who want it at once", async () => {
    const others = await Promise.all(
      ["bob", "eve"].map((name) => commands.createUser({ ...ada, email: `${name}@example.org` }, undefined)),
    );
    const wanted = [userId, ...others.map(({ id }) => id)].map((id) =>
      commands.updateUser(id, { email: "Best@example.org" }, undefined),
    );
    const results = await Promise.allSettled(wanted);
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
    for (const result of results) if (result.status === "rejected") assert.equal(result.reason.reason, "EMAIL_TAKEN");
  });

  it("lets one of several changes pass that were made from the same version", async () => {
    const names = ["Ada I", "Ada II", "Ada III"];
    const results = await Promise.allSettled(
      names.map((displayName) => commands.updateUser(userId, { displayName }, 1)),
    );
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
    for (const result of results) if (result.status === "rejected") assert.equal(result.reason.reason, "ETAG_MISMATCH");
    assert.equal((await commands.queries.get(userId))?.version, 2);
  });

  it("publishes each change once, and nothing when nothing changes", async () => {
    await commands.updateUser(userId, { displayName: "Ada L." }, undefined);
    const user = await commands.updateUser(userId, { displayName: "Ada L.", email: "ADA@example.org" }, 2);
    assert.equal(user.version, 2);
    assert.deepEqual(
      commands.published().map(({ type, version }) => [type, version]),
      [
        ["UserCreated", 1],
        ["UserUpdated", 2],
      ],
    );
  });

  it("lets a user log in with the new address only, and go on with the session", async () => {
    const { refreshToken } = await commands.createSession(ada);
    await commands.updateUser(userId, { email: "countess@example.org" }, undefined);
    await assert.rejects(commands.createSession(ada), { reason: "INVALID_CREDENTIALS" });
    await commands.createSession({ ...ada, email: "countess@example.org" });
    await commands.refreshSession(refreshToken);
  });
});
