import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath, outputOf, run } from "../../tools/stack/commands.ts";

const rootDir = join(import.meta.dirname, "..", "..");
const goDir = join(rootDir, "examples", "go-client");
const pythonDir = join(rootDir, "examples", "python-consumer");
/** Where each example is put together, in a folder named by all that goes into it: a second run finds it there. */
const buildDir = join(rootDir, ".build", "examples");

/** A program that can be run, or one sentence that says why not. */
export type Found = { readonly file: string } | { readonly missing: string };

/** Finds Go 1.24 or later. */
export function findGo(env: NodeJS.ProcessEnv): Found {
  const file = findOnPath("go", { PATH: `${env.PATH}:/usr/local/go/bin` });
  if (file === undefined) return { missing: "Go is not on PATH, so the Go client is not tested." };
  const [, minor = 0] = /go1\.(\d+)/.exec(outputOf(file, ["env", "GOVERSION"]) ?? "") ?? [];
  return Number(minor) >= 24 ? { file } : { missing: `${file} is older than 1.24, so the Go client is not tested.` };
}

/** Finds Python 3.11 or later that can make virtual environments. */
export function findPython(env: NodeJS.ProcessEnv): Found {
  const file = findOnPath("python3", env);
  if (file === undefined) return { missing: "python3 is not on PATH, so the Python consumer is not tested." };
  const isUsable = outputOf(file, ["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"]);
  if (isUsable !== undefined) return { file };
  return { missing: `${file} is older than 3.11 or has no venv, so the Python consumer is not tested.` };
}

/** Generates and builds the Go client as its README says; resolves with the binary. */
export async function buildGoClient(go: string): Promise<string> {
  const folder = folderFor("go", [goDir, join(rootDir, "proto", "shop")]);
  const binary = join(folder, "go-client");
  if (existsSync(binary)) return binary;
  removeOthers("go");
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/local/go/bin` };
  await mustRun(go, ["generate", "./..."], goDir, env);
  await mustRun(go, ["build", "-o", binary, "."], goDir, env);
  return binary;
}

/** Makes the Python consumer's virtual environment as its README says; resolves with the interpreter. */
export async function makePythonVenv(python: string): Promise<string> {
  const folder = folderFor("python", [pythonDir, join(rootDir, "proto", "shop")]);
  const interpreter = join(folder, "bin", "python");
  const stamp = join(folder, "complete");
  if (existsSync(stamp)) return interpreter;
  removeOthers("python");
  await mustRun("sh", [join(pythonDir, "setup.sh"), folder], rootDir, { ...process.env, PYTHON: python });
  writeFileSync(stamp, "");
  return interpreter;
}

async function mustRun(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const code = await run(command, args, { cwd, env });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: see its output above`);
}

/** Removes what was put together from other sources, and what was left half done. */
function removeOthers(name: string): void {
  mkdirSync(buildDir, { recursive: true });
  for (const folder of readdirSync(buildDir).filter((entry) => entry.startsWith(`${name}-`))) {
    rmSync(join(buildDir, folder), { recursive: true, force: true });
  }
}

function folderFor(name: string, sources: readonly string[]): string {
  const hash = createHash("sha256");
  for (const source of sources) {
    const files = readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const file of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
      if (!/\/(gen|__pycache__)\//.test(file)) hash.update(`${file}\0`).update(readFileSync(file));
    }
  }
  return join(buildDir, `${name}-${hash.digest("hex").slice(0, 16)}`);
}
