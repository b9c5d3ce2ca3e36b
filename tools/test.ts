import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { countResults, type TestCounts } from "./test-counts.ts";

// `node tools/test.ts [FILES...]`: runs mocha on these files (default: all) and ends with one line "N passed, N failed".
const allTests = ["*/src/**/*.test.ts", "proto/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"];

/** How long mocha may take to end after its last test. What still runs then was left open by a test, which is a failure. */
const exitTimeMaxMs = 60_000;

const rootDir = join(import.meta.dirname, "..");
const mocha = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin", "mocha.js");
const colors = process.stdout.isTTY ? ["--color"] : [];

const files = process.argv.length > 2 ? process.argv.slice(2) : allTests;
const child = spawn(process.execPath, [mocha, ...colors, ...files], {
  cwd: rootDir,
  stdio: ["ignore", "pipe", "inherit"],
  // A group of its own: mocha starts another process for its node options, and both have to end.
  detached: true,
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => endAll(signal));
let output = "";
let isStuck = false;
let timer: NodeJS.Timeout | undefined;
child.stdout.on("data", (data: Buffer) => {
  output += data;
  process.stdout.write(data);
  if (timer === undefined && /^\s+\d+ passing/m.test(data.toString())) timer = setTimeout(endStuck, exitTimeMaxMs);
});

function endStuck(): void {
  isStuck = true;
  endAll("SIGKILL");
}

function endAll(signal: NodeJS.Signals): void {
  if (child.pid !== undefined) process.kill(-child.pid, signal);
}

const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? 1)));

clearTimeout(timer);

const counts: TestCounts = countResults(output, code);
if (isStuck) console.log(`A test left something running: mocha did not end within ${exitTimeMaxMs / 1000} s.`);
if (counts.skipped > 0) console.log(`${counts.skipped} skipped`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
