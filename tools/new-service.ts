import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { generateContract } from "./contract/generate-contract.ts";
import { requireBuf } from "./contract/run-buf.ts";
import { planService, writeService } from "./new-service/create-service.ts";
import { NameError } from "./new-service/noun.ts";

// `node tools/new-service.ts NAME [PLURAL]`: makes a service of the common shape, and writes it down where services are.
const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
const [name = "", plural = ""] = process.argv.slice(2);

if (name === "") {
  console.error("usage: make new-service NAME=gift-card [PLURAL=gift-cards]");
  process.exit(2);
}
try {
  const plan = planService({ root, name, plural });
  writeService(root, plan);
  const { service, ports, files } = plan;
  const own = [...files.keys()].filter((path) => path.startsWith(`${service}/`) || path.startsWith("proto/"));
  const shared = [...files.keys()].filter((path) => !own.includes(path));
  const scripts = [...files.keys()].filter((path) => path.endsWith(".ts"));

  // How long a name is decides how lines break and what comes first among imports.
  await requireBuf(["format", "-w", "proto"], root);
  await run("biome", ["check", "--write", ...scripts], { cwd: root });
  await generateContract({ root, report: () => {} });
  await run(process.execPath, [join(root, "tools", "gateway", "generate.ts")], { cwd: root });

  console.log(`${service} is there, with gRPC on port ${ports.rpc} and HTTP on ${ports.http}.

  ${own.length} files   ${service}/ and ${own.find((path) => path.endsWith("_service.proto"))} with its neighbours
  written into ${[...shared, "envoy/envoy.yaml"].join(", ")}

Next:
  make check && make test TESTS='${service}/src/**/*.test.ts tests/services.test.ts'
  make up
Then say what it is about: fields and methods as in docs/how-to.md, and a word in README.md and docs/architecture.md.`);
} catch (error) {
  if (!(error instanceof NameError)) throw error;
  console.error(error.message);
  process.exit(1);
}
