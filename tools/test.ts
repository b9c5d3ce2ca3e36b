import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { countResults, type TestCounts } from "./test-counts.ts";

// `node tools/test.ts [FILES...]`: runs mocha on these files (default: all) and ends with one line "N passed, N failed".
const allTests = ["*/src/**/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"];

const rootDir = join(import.meta.dirname, "..");
const mocha = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin", "mocha.js");
const colors = process.stdout.isTTY ? ["--color"] : [];

const files = process.argv.length > 2 ? process.argv.slice(2) : allTests;
const child = spawn(process.execPath, [mocha, ...colors, ...files], {
  cwd: rootDir,
  stdio: ["ignore", "pipe", "inherit"],
});
let output = "";
child.stdout.on("data", (data: Buffer) => {
  output += data;
  process.stdout.write(data);
});
const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? 1)));

const counts: TestCounts = countResults(output, code);
if (counts.skipped > 0) console.log(`${counts.skipped} skipped`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
