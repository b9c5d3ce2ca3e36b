import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { contractOf } from "./contract-image.ts";
import { buildContract } from "./generate-contract.ts";
import { policyProblems } from "./policy-rules.ts";

// `node tools/contract/check-policy.ts`: fails with one line for each rule of ours that the contract breaks.
const root = new URL("../../", import.meta.url);
const entries = await readdir(root, { withFileTypes: true });
const services = entries
  .filter((entry) => entry.isDirectory() && entry.name.endsWith("-svc"))
  .map((entry) => entry.name);
const contract = contractOf(await buildContract(fileURLToPath(root)));
const problems = policyProblems(contract, services);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`policy: ${contract.methods.length} methods and ${contract.messages.length} messages keep the rules`);
