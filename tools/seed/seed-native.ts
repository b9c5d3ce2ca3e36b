import { readAdmin, resetAdmin } from "../stack/admin-account.ts";
import type { StackConfig } from "../stack/stack-config.ts";
import { StackError } from "../stack/stack-error.ts";
import { seed } from "./seed.ts";

/** Gives the native stack its administrator and its products, where they are missing. */
export async function seedNative(
  config: StackConfig,
  env: Readonly<Record<string, string | undefined>>,
  report: (line: string) => void,
): Promise<void> {
  const gatewayUrl = `http://127.0.0.1:${config.ports.gateway}`;
  const known = readAdmin(config.dataDir);
  let result = known === undefined ? "refused" : await seed({ gatewayUrl, admin: known });
  if (result === "refused") {
    const admin = await resetAdmin({ rootDir: config.rootDir, dataDir: config.dataDir, env });
    report(`Administrator ${admin.email}: for the password see \`make admin\``);
    result = await seed({ gatewayUrl, admin });
  }
  if (result === "refused")
    throw new StackError("The administrator cannot log in, although the password was just set.");
  report(`Products: ${result.created} created, ${result.present} were there`);
}
