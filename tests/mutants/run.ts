import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type CheckoutCopy, copyCheckout } from "../checkout-copy.ts";
import { edited, type Mutant } from "./mutant.ts";
import { mutants } from "./mutants.ts";
import { type Suite, suites } from "./suites.ts";

// `node tests/mutants/run.ts [NAME...]`: breaks a copy of the code in one place after another, and shows which of the suites
// that look for lost and doubled work finds it. Exits with 1 when a mutant survives them all, or a suite fails without one.

/** A suite that has not ended by then hangs, which finds a mutant as well as a failed test does. */
const suiteTimeMaxMs = 10 * 60_000;
const mocha = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin", "mocha.js");

const names = process.argv.slice(2);
const unknown = names.filter((name) => !mutants.some((mutant) => mutant.name === name));
if (unknown.length > 0) {
  console.error(`no mutant is called ${unknown.join(", ")}: ${mutants.map(({ name }) => name).join(" ")}`);
  process.exit(2);
}
const chosen = names.length === 0 ? mutants : mutants.filter(({ name }) => names.includes(name));

const copy = copyCheckout();
let running: number | undefined;
process.once("exit", () => {
  endRunning();
  copy.remove();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
/** Names of the suites that were needed. */
const tried = new Set<string>();
let survived = 0;
for (const mutant of chosen) survived += (await hunt(copy, mutant)) ? 0 : 1;
const failing: string[] = [];
for (const suite of suites.filter(({ name }) => tried.has(name))) {
  const { failure, seconds } = await runSuite(copy, suite);
  if (failure !== undefined) failing.push(suite.name);
  console.log(`without a mutant  ${suite.name}: ${failure ?? "passes"} (${seconds} s)`);
}
console.log(`${chosen.length - survived} of ${chosen.length} mutants found, ${failing.length} suites fail without one`);
process.exit(survived + failing.length === 0 ? 0 : 1);

/** Breaks the copy, lets one suite after another look for it, and mends it. */
async function hunt({ root }: CheckoutCopy, { name, sentence, edits }: Mutant): Promise<boolean> {
  const originals = new Map(edits.map(({ path }) => [path, readFileSync(join(root, path), "utf8")]));
  for (const [path, source] of originals) {
    const broken = edits.filter((edit) => edit.path === path).reduce(edited, source);
    writeFileSync(join(root, path), broken);
  }
  console.log(`${name}: ${sentence}`);
  try {
    for (const suite of suites) {
      tried.add(suite.name);
      const { failure, seconds } = await runSuite(copy, suite);
      if (failure !== undefined) {
        console.log(`  found by ${suite.name}: ${failure} (${seconds} s)`);
        return true;
      }
      console.log(`  not by ${suite.name} (${seconds} s)`);
    }
    console.log("  SURVIVED");
    return false;
  } finally {
    for (const [path, source] of originals) writeFileSync(join(root, path), source);
  }
}

/** Runs a suite to its first failure. Throws when it did not get as far as a test. */
async function runSuite(
  { root }: CheckoutCopy,
  suite: Suite,
): Promise<{ failure: string | undefined; seconds: number }> {
  const startTime = performance.now();
  const child = spawn(process.execPath, [mocha, "--bail", ...suite.files], {
    cwd: root,
    env: { ...process.env, ...suite.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  running = child.pid;
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    endRunning();
  }, suiteTimeMaxMs);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  running = undefined;
  const seconds = Math.round((performance.now() - startTime) / 1000);
  if (code === 0) return { failure: undefined, seconds };
  if (hangs) return { failure: "does not end", seconds };
  const [, title] = /^ {2}1\) ([\s\S]*?):\n(?:\n| {5}\S)/m.exec(output.slice(output.search(/^ {2}\d+ failing/m))) ?? [];
  if (title === undefined) throw new Error(`${suite.name} ran no test:\n${output.slice(-2_000)}`);
  return { failure: title.replace(/\s+/g, " "), seconds };
}

/** Ends the suite under way with all that it started. */
function endRunning(): void {
  if (running !== undefined) process.kill(-running, "SIGKILL");
}
