import { findOnPath, outputOf } from "./commands.ts";
import { StackError } from "./stack-error.ts";
import { aptInstall, installSituation, mayInstall } from "./system-packages.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

// On Ubuntu the command chromium-browser may only say how to get the real one.
const isBrowser = (file: string) => /Chrom(e|ium)/.test(outputOf(file, ["--version"]) ?? "");

/** Finds Chromium or Chrome: CHROMIUM_BIN or on PATH; undefined when there is none. */
export function findChromium(env: Environment): string | undefined {
  if (env.CHROMIUM_BIN) {
    if (isBrowser(env.CHROMIUM_BIN)) return env.CHROMIUM_BIN;
    throw new StackError(`CHROMIUM_BIN=${env.CHROMIUM_BIN} is not a Chromium or Chrome.`);
  }
  return names.map((name) => findOnPath(name, env)).find((file) => file !== undefined && isBrowser(file));
}

/** Why the tests in a browser are skipped, in one sentence; undefined when there is a browser. */
export function whyNoChromium(env: Environment): string | undefined {
  if (findChromium(env) !== undefined) return undefined;
  return "there is no Chromium: install the package chromium, or set CHROMIUM_BIN=, or as root on Debian run again with INSTALL=1";
}

/**
 * Finds Chromium or, where that is allowed, installs it. Undefined when neither works: the tests in a browser are skipped
 * then.
 */
export async function provideChromium(env: Environment, report: (line: string) => void): Promise<string | undefined> {
  const found = findChromium(env);
  if (found !== undefined) return found;
  if (mayInstall(installSituation(env))) {
    report("Chromium is missing: installing it");
    await aptInstall(["chromium"], report, env);
  }
  const reason = whyNoChromium(env);
  if (reason !== undefined) report(`The tests in a browser are skipped: ${reason}.`);
  return findChromium(env);
}
