import assert from "node:assert/strict";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openTestCommands, type TestCommands } from "../testing/open-commands.ts";
import { plainPasswords } from "../testing/plain-passwords.ts";

const ada = { email: "ada@example.org", password: "correct horse battery staple", displayName: "Ada" };
const newPassword = "another horse, another battery";

describe("changePassword", () => {
  const clock = fixedClock();
  let commands: TestCommands;
  let userId: string;
  /** Makes each check of a password wait for it, once it is done. */
  let afterVerify: () => Promise<void>;

  beforeEach(async () => {
    const passwords = plainPasswords();
    afterVerify = async () => undefined;
    commands = await openTestCommands({
      now: clock.now,
      passwords: {
        hash: passwords.hash,
        async verify(password, hash) {
          const isRight = await passwords.verify(password, hash);
          await afterVerify();
          return isRight;
        },
      },
    });
    userId = (await commands.createUser(ada, undefined)).id;
  });
  afterEach(() => commands.database.close());

  const change = (changes: { currentPassword?: string; newPassword?: string; sessionId?: string } = {}) =>
    commands.changePassword({ userId, currentPassword: ada.password, newPassword, sessionId: "none", ...changes });
  const live = async () => {
    const found = await commands.sessionQueries.list({ userId, time: clock.now(), afterId: undefined, limit: 1_000 });
    return found.map(({ id }) => id).sort();
  };

  it("keeps the session it is called with and ends the others, telling of each", async () => {
    const opened = await Promise.all([1, 2, 3].map(() => commands.createSession(ada)));
    const [kept, ...others] = opened.map(({ session }) => session.id);
    const user = await change({ sessionId: kept });
    assert.deepEqual([user.version, await live()], [2, [kept]]);
    const [, changed, ...revoked] = commands.published();
    assert.deepEqual([changed?.type, changed?.aggregate, changed?.version], ["PasswordChanged", `users/${userId}`, 2]);
    assert.deepEqual(revoked.map(({ aggregate }) => aggregate).sort(), others.map((id) => `sessions/${id}`).sort());
    assert.ok(revoked.every(({ event }) => event.reason === "REASON_PASSWORD_CHANGED"));

    assert.equal((await commands.refreshSession(opened[0]?.refreshToken ?? "")).session.id, kept);
    await assert.rejects(commands.refreshSession(opened[1]?.refreshToken ?? ""), { reason: "INVALID_REFRESH_TOKEN" });
    await assert.rejects(commands.createSession(ada), { reason: "INVALID_CREDENTIALS" });
    await commands.createSession({ ...ada, password: newPassword });
  });

  it("changes nothing for a wrong password, and names the field", async () => {
    const { session } = await commands.createSession(ada);
    const wrong = change({ currentPassword: newPassword });
    await assert.rejects(wrong, { kind: "invalid", reason: "WRONG_PASSWORD" });
    await wrong.catch(({ fields }) => assert.equal(fields[0].field, "current_password"));
    assert.deepEqual(await live(), [session.id]);
    assert.equal(commands.published().length, 1);
  });

  it("keeps no session of somebody else, and brings none back that had ended", async () => {
    await commands.createUser({ ...ada, email: "eve@example.org" }, undefined);
    const foreign = await commands.createSession({ ...ada, email: "eve@example.org" });
    const own = await commands.createSession(ada);
    await change({ sessionId: foreign.session.id });
    assert.deepEqual(await live(), []);
    await commands.refreshSession(foreign.refreshToken);
    await change({ currentPassword: newPassword, newPassword: ada.password, sessionId: own.session.id });
    assert.deepEqual(await live(), []);
  });

  it("lets one of several win that change the same password at once", async () => {
    const attempts = ["first new password", "second new password", "third new password"];
    const results = await Promise.allSettled(attempts.map((secret) => change({ newPassword: secret })));
    const won = attempts.filter((_, at) => results[at]?.status === "fulfilled");
    assert.equal(won.length, 1);
    await commands.createSession({ ...ada, password: won[0] ?? "" });
    for (const result of results)
      if (result.status === "rejected") assert.equal(result.reason.reason, "WRONG_PASSWORD");
  });

  it("leaves no session to a login that checked the old password before", async () => {
    const checked = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    afterVerify = async () => {
      afterVerify = async () => undefined;
      checked.resolve();
      await goOn.promise;
    };
    const login = commands.createSession(ada);
    await checked.promise;
    await change();
    goOn.resolve();
    await assert.rejects(login, { reason: "INVALID_CREDENTIALS" });
    assert.deepEqual(await live(), []);
  });

  it("leaves no session to any of many logins that come at once, however they fall", async () => {
    for (let round = 0; round < 20; round++) {
      const [from, to] = round % 2 === 0 ? [ada.password, newPassword] : [newPassword, ada.password];
      const logins = Array.from({ length: 10 }, (_, at) =>
        new Promise((resolve) => setTimeout(resolve, at % 3)).then(() =>
          commands.createSession({ ...ada, password: from }).catch(({ reason }) => reason),
        ),
      );
      const changing = new Promise((resolve) => setTimeout(resolve, round % 4)).then(() =>
        change({ currentPassword: from, newPassword: to }),
      );
      const answers = await Promise.all([...logins, changing]);
      for (const answer of answers) assert.ok(typeof answer === "object" || answer === "INVALID_CREDENTIALS", answer);
      assert.deepEqual(await live(), []);
    }
  });
});
