import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { startLane, type TestLane } from "./test-lane.ts";

// `node tools/test.ts [FILES...]`: runs mocha on these files and ends with one line "N passed, N failed". Without files it
// runs all tests, and with `--long` all long campaigns: in two lanes that take about as long as each other, because most of
// them wait for processes, which leaves a processor idle.
const everyTest = [
  [
    ["tests/{e2e,faults,simulation}/**/*.test.ts"],
    [
      ...["*/src/**/*.test.ts", "proto/*.test.ts", "tools/**/*.test.ts"],
      ...["tests/*.test.ts", "tests/!(e2e|faults|simulation)/**/*.test.ts"],
    ],
  ],
];
const longCampaigns = [
  // Measures what the machine can do, so nothing else may run.
  [["tests/faults/overload/*.verify.ts"]],
  [["tests/faults/!(overload)/*.verify.ts"], ["tests/!(faults)/**/*.verify.ts"]],
];

const rootDir = join(import.meta.dirname, "..");
const mocha = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin", "mocha.js");
const leftOpen = ["--require", join(import.meta.dirname, "left-open.ts")];
const colors = process.stdout.isTTY ? ["--color"] : [];

const chosen = process.argv.slice(2);
// A make that a test runs is nobody's part: told of the one above it, it would say in which folder it works.
const { MAKEFLAGS: _, MAKELEVEL: __, MFLAGS: ___, ...env } = process.env;
// Servers share their ports with others of the same user, so two that are started on one port at once would answer each
// other's calls.
const portsOfLanes = ["10000-21000", "21000-32000"];
const stages = chosen.length === 0 ? everyTest : chosen[0] === "--long" ? longCampaigns : [[chosen]];

let lanes: readonly TestLane[] = [];
let isEnded = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    isEnded = true;
    for (const lane of lanes) lane.end(signal);
  });
}

let [passed, failed, skipped] = [0, 0, 0];
const failures: string[] = [];
for (const stage of stages) {
  if (isEnded) break;
  lanes = stage.map((files, index) =>
    startLane({
      command: process.execPath,
      args: [mocha, ...leftOpen, ...colors, ...files],
      cwd: rootDir,
      env: { ...env, FREE_PORTS: portsOfLanes[index] },
    }),
  );
  for (const lane of lanes) {
    const counts = await lane.show(process.stdout);
    passed += counts.passed;
    failed += counts.failed;
    skipped += counts.skipped;
  }
  failures.push(...lanes.map((lane) => lane.failures()).filter((report) => report !== ""));
}
// Said again where several lanes were shown: the last one is thousands of lines, and many readers keep only the end.
if (stages.flat().length > 1 && failures.length > 0)
  console.log(`\nWhat failed, once more:\n\n${failures.join("\n\n")}\n`);
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
