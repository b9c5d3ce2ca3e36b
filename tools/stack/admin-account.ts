import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeSecretFile } from "./secret-file.ts";
import { StackError } from "./stack-error.ts";

/** How the development administrator logs in. */
export interface AdminAccount {
  readonly email: string;
  readonly password: string;
}

/** The only administrator that `make up` knows. */
export const adminEmail = "admin@quartet.example";

/** Where the administrator's password is kept, readable by its owner only. */
export function adminFile(dataDir: string): string {
  return join(dataDir, "admin.json");
}

/** The kept account; undefined when there is none. */
export function readAdmin(dataDir: string): AdminAccount | undefined {
  const file = adminFile(dataDir);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as AdminAccount) : undefined;
}

/** Gives the administrator a new random password, making the account first if needed, and keeps it. */
export async function resetAdmin(options: {
  rootDir: string;
  dataDir: string;
  env: Readonly<Record<string, string | undefined>>;
}): Promise<AdminAccount> {
  const { rootDir, dataDir, env } = options;
  const child = spawn(process.execPath, ["--conditions=source", "src/set-admin.ts", adminEmail], {
    cwd: join(rootDir, "user-svc"),
    env: { ...env, DATA_DIR: join(dataDir, "user-svc") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (data) => {
    printed += data;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  const password = printed.trim().split("\n").at(-1);
  if (code !== 0 || !password) throw new StackError("user-svc could not set the administrator's password: see above.");
  const account = { email: adminEmail, password };
  writeSecretFile(adminFile(dataDir), `${JSON.stringify(account)}\n`);
  return account;
}
