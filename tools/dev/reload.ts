import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { readableFault } from "../stack/readable-fault.ts";
import { redeploy } from "../stack/redeploy.ts";
import { readRunState } from "../stack/run-state.ts";
import type { ServiceName, StackConfig } from "../stack/stack-config.ts";
import { StackError } from "../stack/stack-error.ts";
import { createDependents } from "./dependents.ts";
import type { SourceFiles } from "./source-files.ts";

const generateTimeoutMs = 120_000;
const pathsShown = 3;
const contractInput = /^proto\/shop\/|^buf(\.gen)?\.yaml$/;

type Part = ServiceName | "envoy";

/** Says what happens. `more` are further lines: a fault and where it is. */
export type Report = (level: "info" | "error", message: string, more?: readonly string[]) => void;

/**
 * Returns what brings a running native stack up to date after paths changed: generates from the contract, fills in the
 * gateway's configuration, and restarts the parts that depend on what changed. What failed is tried again with the next
 * change. Never rejects: every fault is reported.
 */
export function createReload(options: {
  config: StackConfig;
  files: SourceFiles;
  report: Report;
}): (paths: readonly string[]) => Promise<void> {
  const { config, files, report } = options;
  const dependents = createDependents(config.rootDir);
  const failed = new Set<Part>();
  let waiting: string[] = [];

  async function reloadPart(part: Part, cause: string): Promise<void> {
    const state = readRunState(config.dataDir)?.processes.find(({ name }) => name === part)?.state;
    if (state === "stopped" && !failed.has(part)) {
      report("info", `${part} is not reloaded, because somebody has stopped it (make debug): ${cause}`);
      return;
    }
    const startTime = performance.now();
    report("info", `${part} is reloaded: ${cause}`);
    try {
      await redeploy(config, part, { holdFailed: true });
      failed.delete(part);
      report("info", `${part} is ready after ${((performance.now() - startTime) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed.add(part);
      const [message = "", ...more] = faultOf(error).split("\n");
      report("error", message, [...more, "The next change tries again."]);
    }
  }

  return async (paths) => {
    let changed = [...new Set([...waiting, ...paths])];
    waiting = [];
    if (changed.some((path) => contractInput.test(path))) {
      const fault = await generate(config.rootDir);
      if (fault !== undefined) {
        waiting = changed;
        const count = changed.filter((path) => contractInput.test(path));
        report("error", `The contract cannot be used, so everything stays as it was: ${list(count)}`, fault);
        return;
      }
      changed = [...new Set([...changed, ...files.look()])];
    }
    if (changed.includes("package-lock.json")) {
      report("info", "The npm packages changed: `make generate` installs them, `make redeploy SVC=` takes them in");
    }
    const services = [...new Set([...dependents.of(changed), ...[...failed].filter((part) => part !== "envoy")])];
    await Promise.all(services.map((service) => reloadPart(service, list(changed))));
    const isGateway = changed.some((path) => path === "envoy/envoy.yaml" || path === "proto/gen/contract.binpb");
    if (isGateway || failed.has("envoy")) await reloadPart("envoy", list(changed));
    else if (services.length === 0) report("info", `Nothing that runs depends on ${list(changed)}`);
  };
}

/** Generates code and the gateway's configuration. Returns the lines that say why it failed. */
async function generate(rootDir: string): Promise<string[] | undefined> {
  for (const script of ["tools/generate.ts", "tools/gateway/generate.ts"]) {
    try {
      await promisify(execFile)(process.execPath, [join(rootDir, script)], {
        cwd: rootDir,
        timeout: generateTimeoutMs,
      });
    } catch (error) {
      const { stderr, message } = error as { stderr?: string; message: string };
      return readableFault(stderr || message, rootDir).split("\n");
    }
  }
  return undefined;
}

function faultOf(error: unknown): string {
  if (error instanceof StackError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function list(paths: readonly string[]): string {
  const shown = paths.slice(0, pathsShown).join(", ");
  return paths.length > pathsShown ? `${shown} and ${paths.length - pathsShown} more` : shown;
}
