import assert from "node:assert/strict";
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { startTestServer, type TestServer } from "@quartet/chassis/testing/test-server";
import { type Wire, type WireTransport, wires } from "@quartet/chassis/testing/wires";
import type { User_Role } from "@quartet/proto/shop/user/v1/user_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { after, before, describe, it } from "mocha";
import { failureOf } from "../testing/failure-of.ts";
import { openTestRegistration, type TestRegistration } from "../testing/open-registration.ts";

const password = "correct horse battery staple";
const newPassword = "another horse, another battery";

/** What the requests can be about. */
interface Scene {
  /** Names of the caller's account and session, and of somebody else's. */
  readonly user: string;
  readonly session: string;
  readonly foreignUser: string;
  readonly foreignSession: string;
  readonly refreshToken: string;
  /** Token of the second page of the caller's sessions. */
  readonly sessionsToken: string;
}

/** A request with the answer that it must get, and the fields that the details name. */
interface Case {
  readonly what: string;
  readonly method: DescMethodUnary;
  readonly request: (scene: Scene) => Readonly<Record<string, unknown>>;
  readonly answer: string;
  readonly fields: readonly string[];
}

const cases: Case[] = [];

function refuses<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: string,
  fields: readonly string[],
  requests: Readonly<Record<string, (scene: Scene) => MessageInitShape<I> & Readonly<Record<string, unknown>>>>,
): void {
  for (const [what, request] of Object.entries(requests)) cases.push({ what, method, request, answer, fields });
}

const { method } = UserService;
const invalid = "InvalidArgument INVALID_FIELDS";
const noUser = "NotFound USER_NOT_FOUND";
const noToken = "InvalidArgument INVALID_PAGE_TOKEN";
const long = (length: number) => "x".repeat(length);
const badNames = ["", "users", "users/", "users/a/b", "user/a", "orders/a", " users/a", "users/ü", `users/${long(65)}`];

for (const name of badNames) {
  refuses(method.deleteUser, invalid, ["name"], { [`the name "${name}"`]: () => ({ name }) });
  refuses(method.changePassword, invalid, ["name"], {
    [`the name "${name}"`]: () => ({ name, currentPassword: password, newPassword }),
  });
  refuses(method.updateUser, invalid, ["user.name"], { [`the name "${name}"`]: () => ({ user: { name } }) });
}
for (const name of ["", "sessions/", "sessions/a/b", "users/a", "sessions/%", `sessions/${long(65)}`]) {
  refuses(method.deleteSession, invalid, ["name"], { [`the name "${name}"`]: () => ({ name }) });
}

refuses(method.updateUser, invalid, ["user"], { nothing: () => ({}) });
const unlisted = ["name", "role", "etag", "create_time", "displayName", "user.email", ""];
// The rules of the contract let what is below a field pass; there is nothing below these.
for (const path of [...unlisted, "display_name.x", "email."]) {
  for (const paths of [[path], ["display_name", path], [path, "*"]]) {
    refuses(method.updateUser, invalid, ["update_mask"], {
      [`the mask "${paths}"`]: ({ user }) => ({ user: { name: user, displayName: "x" }, updateMask: { paths } }),
    });
  }
}
refuses(method.updateUser, invalid, ["user.display_name"], {
  "a name of 101 characters": ({ user }) => ({ user: { name: user, displayName: long(101) } }),
  "an empty name": ({ user }) => ({ user: { name: user }, updateMask: { paths: ["display_name"] } }),
});
refuses(method.updateUser, invalid, ["user.email"], {
  "an address without a place": ({ user }) => ({ user: { name: user, email: "ada" } }),
  "two addresses": ({ user }) => ({ user: { name: user, email: "a@example.org,b@example.org" } }),
  "an address of 255 characters": ({ user }) => ({ user: { name: user, email: `${long(243)}@example.org` } }),
  "an empty address": ({ user }) => ({ user: { name: user }, updateMask: { paths: ["email"] } }),
});
refuses(method.updateUser, invalid, ["user.role"], {
  "a role that does not exist": ({ user }) => ({ user: { name: user, role: 9 as User_Role } }),
});
refuses(method.updateUser, invalid, ["user.etag"], {
  "an endless etag": ({ user }) => ({ user: { name: user, etag: long(65) } }),
});
refuses(method.updateUser, "Aborted ETAG_MISMATCH", ["etag"], {
  "an etag of another version": ({ user }) => ({ user: { name: user, displayName: "x", etag: '"7"' } }),
  "an etag that never was one": ({ user }) => ({ user: { name: user, displayName: "x", etag: "7" } }),
});
refuses(method.updateUser, "AlreadyExists EMAIL_TAKEN", ["user.email"], {
  "the address of somebody else": ({ user }) => ({ user: { name: user, email: "EVE@example.org" } }),
});
refuses(method.updateUser, noUser, [], {
  "somebody else": ({ foreignUser }) => ({ user: { name: foreignUser, displayName: "x" } }),
  nobody: () => ({ user: { name: "users/none", displayName: "x" } }),
  "me in another case": () => ({ user: { name: "users/Me", displayName: "x" } }),
});

refuses(method.deleteUser, noUser, [], {
  "somebody else": ({ foreignUser }) => ({ name: foreignUser }),
  nobody: () => ({ name: "users/none" }),
});
refuses(method.deleteUser, "Aborted ETAG_MISMATCH", ["etag"], {
  "an etag of another version": () => ({ name: "users/me", etag: '"7"' }),
});
refuses(method.deleteUser, invalid, ["etag"], { "an endless etag": () => ({ name: "users/me", etag: long(65) }) });

refuses(method.changePassword, invalid, ["new_password"], {
  "a short new password": () => ({ name: "users/me", currentPassword: password, newPassword: long(14) }),
  "an endless new password": () => ({ name: "users/me", currentPassword: password, newPassword: long(129) }),
});
refuses(method.changePassword, invalid, ["current_password"], {
  "no current password": () => ({ name: "users/me", newPassword }),
  "an endless current password": () => ({ name: "users/me", currentPassword: long(129), newPassword }),
});
refuses(method.changePassword, "InvalidArgument WRONG_PASSWORD", ["current_password"], {
  "a wrong current password": () => ({ name: "users/me", currentPassword: newPassword, newPassword }),
});
refuses(method.changePassword, noUser, [], {
  "somebody else": ({ foreignUser }) => ({ name: foreignUser, currentPassword: password, newPassword }),
});

refuses(method.refreshSession, invalid, ["refresh_token"], {
  "no token": () => ({}),
  "an endless token": () => ({ refreshToken: long(101) }),
});
refuses(method.refreshSession, "Unauthenticated INVALID_REFRESH_TOKEN", [], {
  "a token that never was one": () => ({ refreshToken: long(91) }),
  "a token with a letter changed": ({ refreshToken }) => ({ refreshToken: `${refreshToken.slice(0, -2)}__` }),
  "the name of a session": ({ session }) => ({ refreshToken: session }),
});
refuses(method.deleteSession, "NotFound SESSION_NOT_FOUND", [], {
  "somebody else's session": ({ foreignSession }) => ({ name: foreignSession }),
  "no session": () => ({ name: "sessions/none" }),
});

const badPages = {
  "a negative page size": () => ({ pageSize: -1 }),
  "an endless page": () => ({ pageSize: 1_001 }),
};
const badTokens = {
  "a token that never was one": () => ({ pageToken: "bm8" }),
  "a token with a letter added": ({ sessionsToken }: Scene) => ({ pageToken: `${sessionsToken}A` }),
};
const endlessToken = { "an endless token": () => ({ pageToken: long(1_001) }) };
refuses(method.listSessions, invalid, ["page_size"], badPages);
refuses(method.listSessions, invalid, ["page_token"], endlessToken);
refuses(method.listSessions, noToken, ["page_token"], badTokens);
refuses(method.listUsers, invalid, ["page_size"], badPages);
refuses(method.listUsers, invalid, ["page_token"], endlessToken);
refuses(method.listUsers, noToken, ["page_token"], badTokens);
refuses(method.listUsers, noToken, ["page_token"], {
  "a token of another list": ({ sessionsToken }) => ({ pageToken: sessionsToken }),
});
refuses(method.listUsers, invalid, ["email"], { "an endless address": () => ({ email: long(255) }) });

describe("UserService, on bad input", () => {
  let registration: TestRegistration;
  let server: TestServer;
  let scene: Scene;
  let authorization: Readonly<Record<"customer" | "admin", string>>;
  // In JSON some of these masks cannot be written.
  const served = wires.filter(({ name, implementation }) => implementation === "bridge" && !name.includes("JSON"));
  const transports = new Map<Wire, WireTransport>();

  before(async () => {
    registration = await openTestRegistration({ now: Date.now });
    server = await startTestServer(registration);
    for (const wire of served) transports.set(wire, wire.connect(server));
    const client = createClient(UserService, server.transport);
    const register = async (name: string) => {
      const email = `${name}@example.org`;
      await client.createUser({ email, displayName: name, password });
      return [
        await client.createSession({ email, password }),
        await client.createSession({ email, password }),
      ] as const;
    };
    const [[own], [foreign]] = [await register("ada"), await register("eve")];
    await registration.commands.setAdministrator({ email: "root@example.org", password });
    const root = await client.createSession({ email: "root@example.org", password });
    authorization = { customer: `Bearer ${own.accessToken}`, admin: `Bearer ${root.accessToken}` };
    const page = await client.listSessions({ pageSize: 1 }, { headers: { authorization: authorization.customer } });
    scene = {
      user: own.user,
      session: own.name,
      foreignUser: foreign.user,
      foreignSession: foreign.name,
      refreshToken: own.refreshToken,
      sessionsToken: page.nextPageToken,
    };
  });
  after(async () => {
    for (const transport of transports.values()) transport.close();
    await server.stop();
    await registration.commands.database.close();
  });

  const published = () => registration.commands.published().length;

  for (const wire of served) {
    for (const { what, method: called, request, answer, fields } of cases) {
      it(`refuses ${what} for ${called.name} by ${wire.name}, and changes nothing`, async () => {
        const before = published();
        const transport = transports.get(wire) ?? assert.fail();
        const caller = called.name === "ListUsers" ? authorization.admin : authorization.customer;
        const headers = called.name === "RefreshSession" ? {} : { authorization: caller };
        const call = transport.unary(called, undefined, undefined, headers, request(scene));
        assert.deepEqual(await failureOf(call), { answer, fields });
        assert.equal(published(), before);
      });
    }
  }

  it("does not refuse everything", async () => {
    const client = createClient(UserService, server.transport);
    const options = { headers: { authorization: authorization.customer } };
    assert.equal((await client.getUser({ name: scene.user }, options)).etag, '"1"');
    assert.equal((await client.listSessions({ pageSize: 1_000 }, options)).sessions.length, 2);
    const { user } = await client.refreshSession({ refreshToken: scene.refreshToken });
    assert.equal(user, scene.user);
  });
});
