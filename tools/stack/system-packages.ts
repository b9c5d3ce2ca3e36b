import { existsSync, readFileSync } from "node:fs";
import { findOnPath, run } from "./commands.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What decides whether Quartet may install a system package. */
export interface InstallSituation {
  readonly isRoot: boolean;
  readonly hasApt: boolean;
  readonly isContainer: boolean;
  readonly isCi: boolean;
  readonly isAsked: boolean;
}

/** Packages are installed only as root with apt, and only where nobody's own machine is changed without being asked. */
export function mayInstall(situation: InstallSituation): boolean {
  const { isRoot, hasApt, isContainer, isCi, isAsked } = situation;
  return isRoot && hasApt && (isContainer || isCi || isAsked);
}

/** Looks at this machine. */
export function installSituation(env: Environment): InstallSituation {
  const osRelease = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return {
    isRoot: process.getuid?.() === 0,
    hasApt: /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(osRelease) && findOnPath("apt-get", env) !== undefined,
    isContainer: existsSync("/.dockerenv") || existsSync("/run/.containerenv") || Boolean(env.KUBERNETES_SERVICE_HOST),
    isCi: Boolean(env.CI) && env.CI !== "false",
    isAsked: env.INSTALL === "1",
  };
}

/** Installs packages with apt-get, printing each command first. Resolves to whether they are installed. */
export async function aptInstall(
  packages: readonly string[],
  report: (line: string) => void,
  env: Environment = process.env,
): Promise<boolean> {
  const quiet = { env: { ...env, DEBIAN_FRONTEND: "noninteractive" } };
  const install = ["install", "--yes", "--quiet", "--no-install-recommends", ...packages];
  const attempt = async (args: readonly string[]) => {
    report(`+ apt-get ${args.join(" ")}`);
    return (await run("apt-get", args, quiet)) === 0;
  };
  return (await attempt(install)) || ((await attempt(["update", "--quiet"])) && (await attempt(install)));
}
