import { fileURLToPath } from "node:url";
import { breakingProblems } from "./released-contract.ts";

// `node tools/contract/check-breaking.ts`: fails with one line for each thing that the released contract promised.
const problems = await breakingProblems(fileURLToPath(new URL("../../", import.meta.url)));
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error("These break what was released. If that is meant, proto/README.md says how to release it.");
  process.exitCode = 1;
} else console.log("breaking: nothing that was released is gone or changed");
