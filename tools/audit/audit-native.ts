import type { StackConfig } from "../stack/stack-config.ts";
import { audit } from "./audit.ts";
import { nativePort } from "./native-port.ts";
import { printReport } from "./print-report.ts";
import { readWaitMaxMs } from "./wait-max.ts";

/** Audits the native stack and prints the report. Resolves to the exit code. */
export async function auditNative(
  config: StackConfig,
  env: Readonly<Record<string, string | undefined>>,
  print: (line: string) => void,
): Promise<number> {
  const time = Date.now();
  return printReport(await audit(nativePort(config), { waitMaxMs: readWaitMaxMs(env) }), { time, print });
}
