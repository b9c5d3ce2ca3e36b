import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { serviceNames } from "../stack/stack-config.ts";
import { StackError } from "../stack/stack-error.ts";
import { followFiles } from "./follow-files.ts";
import { createLogStream, type LogForm, type LogStream } from "./log-stream.ts";

/** The parts of a native stack that write a log. */
export const loggedParts: readonly string[] = [...serviceNames, "envoy", "rabbitmq", "epmd", "supervisor"];

/** The logs that are there, with those of second processes of a service. */
function logFiles(dataDir: string): string[] {
  const folder = join(dataDir, "logs");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".log")) : [];
  return names.sort().map((name) => join(folder, name));
}

/** Puts what a native stack logs into a stream: the last `linesMax` lines of each part, then what is added. Returns what ends it. */
export function streamLogs(
  dataDir: string,
  stream: LogStream,
  options: { part?: string; linesMax: number; once?: boolean },
): () => void {
  const nameOf = (file: string) => basename(file, ".log");
  const { part } = options;
  const files = () => logFiles(dataDir).filter((file) => part === undefined || nameOf(file) === part);
  return followFiles(files, { ...options, onLine: (file, line) => stream.add(nameOf(file), line) });
}

/**
 * Prints the logs of a native stack, of one part or of all. Follows them until it is interrupted, unless `once`. Throws a
 * StackError for a part that does not exist, naming those that do.
 */
export async function showLogs(options: {
  dataDir: string;
  part: string | undefined;
  linesMax: number;
  once: boolean;
  form: LogForm;
}): Promise<void> {
  const { dataDir, part, linesMax, once, form } = options;
  const known = new Set([...loggedParts, ...logFiles(dataDir).map((file) => basename(file, ".log"))]);
  if (part !== undefined && !known.has(part)) {
    throw new StackError(`There is no part "${part}": SVC= takes one of ${[...known].join(", ")}.`);
  }
  const stream = createLogStream(form, (text) => process.stdout.write(text));
  // Whoever reads us may stop first: make logs | head.
  process.stdout.on("error", () => process.exit(0));
  const end = streamLogs(dataDir, stream, { part, linesMax, once });
  if (!once) await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
  end();
  stream.flush();
}
