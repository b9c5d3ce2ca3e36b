import { spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { packLibraries } from "../pack.ts";
import { pruneLockfile } from "./prune-lockfile.ts";

const notCopied = new Set(["node_modules", "dist", ".data", ".mocharc.json", "tsconfig.json", "package.json"]);
// What the workspace's root provides to every service; all else a service has to declare itself.
const toolchain = ["@types/mocha", "@types/node", "drizzle-kit", "fast-check", "mocha", "typescript"];
const lastLinesMax = 60;

interface Manifest {
  name: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  allowScripts?: Record<string, boolean>;
}

/**
 * Cuts a service out of the workspace below `root` into `folder`, which must be empty or absent: its files, the two
 * libraries as tarballs in vendor/, and configuration of its own. Then installs, tests and builds it there, as somebody
 * would who has nothing else. Rejects with the name of the step that failed and the last lines it printed.
 */
export async function splitService(options: {
  readonly root: string;
  readonly service: string;
  readonly folder: string;
  readonly report: (line: string) => void;
}): Promise<void> {
  const { root, service, folder, report } = options;
  const source = join(root, service);
  const manifest = await readJson<Manifest>(join(source, "package.json")).catch((error: unknown) => {
    throw new Error(`${service} is no service: it has no readable package.json`, { cause: error });
  });
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty`);

  await cp(source, folder, { recursive: true, filter: (path) => path === source || !notCopied.has(basename(path)) });
  await mkdir(join(folder, "vendor"));
  const tarballs = await packLibraries(root, join(folder, "vendor"));
  await writeConfiguration({ root, source, folder, manifest, tarballs });
  report(`${service}: copied with ${[...tarballs.values()].join(" and ")}`);

  await runStep("npm install", ["install", "--prefer-offline", "--no-audit", "--no-fund"], folder);
  report(`${service}: npm install passes`);
  report(`${service}: npm test passes: ${summaryOf(await runStep("npm test", ["test"], folder))}`);
  await runStep("npm run build", ["run", "build"], folder);
  report(`${service}: npm run build passes`);
}

async function writeConfiguration(options: {
  readonly root: string;
  readonly source: string;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly tarballs: ReadonlyMap<string, string>;
}): Promise<void> {
  const { root, source, folder, manifest, tarballs } = options;
  const workspace = await readJson<Manifest>(join(root, "package.json"));
  const own = { ...manifest, allowScripts: { ...workspace.allowScripts, ...manifest.allowScripts } };
  own.scripts = { ...withoutSource(manifest.scripts ?? {}), build: "tsc -p tsconfig.build.json" };
  own.dependencies = withTarballs(manifest.dependencies ?? {}, tarballs);
  const tools = toolchain.map((name): [string, string] => [name, workspace.devDependencies?.[name] ?? "*"]);
  own.devDependencies = { ...Object.fromEntries(tools), ...withTarballs(manifest.devDependencies ?? {}, tarballs) };
  await writeJson(join(folder, "package.json"), own);

  const lockfile = await readJson<Parameters<typeof pruneLockfile>[0]>(join(root, "package-lock.json"));
  await writeJson(join(folder, "package-lock.json"), pruneLockfile(lockfile, own.name));
  await cp(join(root, ".npmrc"), join(folder, ".npmrc"));

  const mocha = await readJson<Record<string, unknown>>(join(source, ".mocharc.json")).catch(() => ({
    spec: ["src/**/*.test.ts"],
  }));
  const { "node-option": _, ...mochaWithoutSource } = mocha as Record<string, unknown>;
  await writeJson(join(folder, ".mocharc.json"), mochaWithoutSource);

  const base = await readJson<{ compilerOptions: Record<string, unknown> }>(join(root, "tsconfig.base.json"));
  const { customConditions: __, ...compilerOptions } = base.compilerOptions;
  await writeJson(join(folder, "tsconfig.json"), { compilerOptions, include: ["src"] });
  await writeJson(join(folder, "tsconfig.build.json"), {
    extends: "./tsconfig.json",
    compilerOptions: { noEmit: false, rootDir: "src", outDir: "dist" },
  });
}

// The tarballs hold no sources.
function withoutSource(scripts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(scripts).map(([name, script]) => [name, script.replaceAll("--conditions=source ", "")]),
  );
}

function withTarballs(dependencies: Readonly<Record<string, string>>, tarballs: ReadonlyMap<string, string>) {
  const entries = Object.entries(dependencies).map(([name, range]) => {
    const tarball = tarballs.get(name);
    return [name, tarball === undefined ? range : `file:vendor/${tarball}`];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

function runStep(name: string, args: readonly string[], folder: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", args, { cwd: folder, env: outsideEnvironment(), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (text: string) => {
      output += text;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else
        reject(
          new Error(`${name} failed in ${folder}:\n${output.trimEnd().split("\n").slice(-lastLinesMax).join("\n")}`),
        );
    });
  });
}

// Started by `npm test` of the workspace, this process carries settings that point back into it.
function outsideEnvironment(): NodeJS.ProcessEnv {
  const inside = /^(NODE_OPTIONS|INIT_CWD|npm_(package|lifecycle)_.*|npm_config_(local_prefix|workspace|workspaces))$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inside.test(name)));
}

function summaryOf(output: string): string {
  return /^ *(\d+ passing.*)$/m.exec(output)?.[1] ?? "no test was counted";
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, "utf8")) as T;
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
