// Makes the user with an e-mail address an administrator: `node --conditions=source src/set-admin.ts <email>`.
// The new password comes from standard input, or is made up and printed as the last line. It works beside the running
// service: a second process on the same database.
import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import { failPoint } from "@quartet/chassis/fail-point";
import { openServiceCore } from "@quartet/chassis/service-core";
import { createSetAdministrator } from "./app/set-administrator.ts";
import { readUserConfig } from "./config.ts";
import { createToOutgoing } from "./events/publish.ts";
import { migrations } from "./migrations.ts";
import { createPasswordHasher } from "./security/password-hasher.ts";
import { overwriteDeleted } from "./storage/erasure.ts";
import { createUserStore } from "./storage/user-store.ts";

// As the contract has it for everyone: another password could be set and never be used to log in.
const [passwordLengthMin, passwordLengthMax] = [15, 128];
const emailLengthMax = 254;
const madeUpPasswordBytes = 18;

const email = process.argv[2]?.trim() ?? "";
if (!/^[^\s@]+@[^\s@]+$/.test(email) || email.length > emailLengthMax) {
  console.error("usage: node --conditions=source src/set-admin.ts <email>");
  process.exit(2);
}

const given = process.stdin.isTTY ? "" : (await text(process.stdin)).replace(/\r?\n$/, "");
const length = [...given].length;
if (given !== "" && (length < passwordLengthMin || length > passwordLengthMax)) {
  console.error(`the password must have ${passwordLengthMin} to ${passwordLengthMax} characters`);
  process.exit(2);
}
const password = given === "" ? randomBytes(madeUpPasswordBytes).toString("base64url") : given;

const core = await openServiceCore({ name: "user-svc", config: readUserConfig(), migrations });
const { database, unitOfWork, now, newId } = core;
overwriteDeleted(database);
const users = createUserStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }) });
const passwords = await createPasswordHasher({ concurrentMax: 1, waitingMax: 0 });
const user = await createSetAdministrator({ users, passwords, now, newId })({ email, password });
failPoint("set-admin.after-save");
await database.close();
console.log(`users/${user.id} ${user.email} is an administrator`);
if (given === "") console.log(password);
