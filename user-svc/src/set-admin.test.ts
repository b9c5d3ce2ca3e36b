import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Code, ConnectError } from "@connectrpc/connect";
import { type BrokerStage, createMemoryStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import {
  PasswordChangedSchema,
  SessionRevoked_Reason,
  SessionRevokedSchema,
  UserCreatedSchema,
} from "@quartet/proto/shop/user/v1/user_events_pb";
import { User_Role } from "@quartet/proto/shop/user/v1/user_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readUserConfig } from "./config.ts";
import { createService } from "./service.ts";

const ada = { email: "ada@example.org", password: "correct horse battery staple", displayName: "Ada" };

describe("set-admin", function () {
  this.timeout(30_000);

  let stage: BrokerStage;
  let home: ServiceHome<typeof UserService>;
  let neighbour: Neighbour;
  let service: RunningService<typeof UserService>;

  beforeEach(async () => {
    stage = await createMemoryStage();
    home = createServiceHome({
      name: "user-svc",
      service: UserService,
      create: (environment, overrides) => createService(readUserConfig(environment), overrides),
    });
    neighbour = await startNeighbour(stage, "user-svc");
    service = await home.start(stage);
  });
  afterEach(async () => {
    await home.remove();
    await neighbour.stop();
    await stage.stop();
  });

  /** Runs the program beside the service, on its files. */
  const setAdmin = async (args: string[], input: string) => {
    const program = fileURLToPath(new URL("set-admin.ts", import.meta.url));
    const conditions = process.execArgv.filter((option) => option.startsWith("--conditions="));
    const child = spawn(process.execPath, [...conditions, program, ...args], {
      env: { PATH: process.env.PATH, DATA_DIR: home.dataDir },
    });
    child.stdin.end(input);
    const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { exitCode: await exit, lines: output.trim().split("\n"), errors };
  };
  const roleOf = async (email: string, secret: string) => {
    const { accessToken } = await service.client.createSession({ email, password: secret });
    const headers = { authorization: `Bearer ${accessToken}` };
    return (await service.client.getUser({ name: "users/me" }, { headers })).role;
  };

  it("creates an administrator beside the running service, which tells of the account", async () => {
    const { exitCode, lines } = await setAdmin(["Root@example.org"], "");
    assert.equal(exitCode, 0);
    assert.match(lines[0] ?? "", /^users\/[0-9a-f-]{36} root@example\.org is an administrator$/);
    assert.equal(await roleOf("root@example.org", lines[1] ?? ""), User_Role.ADMIN);
    await eventually("the account is told of", () => neighbour.heardOf(UserCreatedSchema).length === 1);
  });

  it("makes an existing customer an administrator with the password it is given, and prints none", async () => {
    const { name } = await service.client.createUser(ada);
    // 128 characters of which some take two places in a string, and a space at the end that belongs to it.
    const given = `${"🐎".repeat(127)} `;
    const { exitCode, lines } = await setAdmin([ada.email], `${given}\n`);
    assert.equal(exitCode, 0);
    assert.deepEqual(lines, [`${name} ada@example.org is an administrator`]);
    assert.equal(await roleOf(ada.email, given), User_Role.ADMIN);
    await assert.rejects(
      service.client.createSession(ada),
      (error) => error instanceof ConnectError && error.code === Code.Unauthenticated,
    );
  });

  it("ends all sessions of the user and tells of it, like any new password", async () => {
    const { name } = await service.client.createUser(ada);
    const opened = [await service.client.createSession(ada), await service.client.createSession(ada)];
    await setAdmin([ada.email], "");
    for (const { refreshToken } of opened) {
      await assert.rejects(
        service.client.refreshSession({ refreshToken }),
        (error) => error instanceof ConnectError && error.code === Code.Unauthenticated,
      );
    }
    // The user and each session are aggregates of their own: which of them is heard of first is open.
    await eventually(
      "the password and the sessions are told of",
      () =>
        neighbour.heardOf(PasswordChangedSchema).length === 1 && neighbour.heardOf(SessionRevokedSchema).length === 2,
    );
    assert.deepEqual(
      neighbour
        .heardOf(SessionRevokedSchema)
        .map(({ session, user, reason }) => [session, user, reason])
        .sort(),
      opened.map((session) => [session.name, name, SessionRevoked_Reason.PASSWORD_CHANGED]).sort(),
    );
    assert.deepEqual(
      neighbour.heard.filter(({ aggregate }) => aggregate === name).map(({ type }) => type.split(".").at(-1)),
      ["UserCreated", "UserUpdated", "PasswordChanged"],
    );
  });

  for (const [what, args, input, message] of [
    ["no address", [], "", /usage/],
    ["what is no address", ["root@"], "", /usage/],
    ["a short password", ["root@example.org"], "🐎".repeat(14), /15 to 128 characters/],
    ["a password that is too long to log in with", ["root@example.org"], "x".repeat(129), /15 to 128 characters/],
  ] as const) {
    it(`refuses ${what} and changes nothing`, async () => {
      const { exitCode, errors, lines } = await setAdmin([...args], input);
      assert.equal(exitCode, 2);
      assert.match(errors, message);
      assert.deepEqual(lines, [""]);
    });
  }
});
