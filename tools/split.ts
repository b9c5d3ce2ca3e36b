import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { splitService } from "./split/split-service.ts";

// `node tools/split.ts order-svc [folder]`: proves that a service can live in a repository of its own.
const [service, folder] = process.argv.slice(2);
if (service === undefined) {
  console.error("usage: make split SVC=order-svc, or node tools/split.ts order-svc EMPTY_FOLDER");
  process.exit(2);
}
const target = folder === undefined ? await mkdtemp(join(tmpdir(), `${service}-`)) : resolve(folder);
try {
  const root = fileURLToPath(new URL("../", import.meta.url));
  await splitService({ root, service, folder: target, report: (line) => console.log(line) });
  console.log(`${service} stands alone in ${target}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
