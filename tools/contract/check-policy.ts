import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { readContract } from "./contract-image.ts";
import { generateContract } from "./generate-contract.ts";
import { policyProblems } from "./policy-rules.ts";

// `node tools/contract/check-policy.ts`: fails with one line for each rule of ours that the contract breaks.
const root = new URL("../../", import.meta.url);
await generateContract({ root, report: () => {} });
const entries = await readdir(root, { withFileTypes: true });
const services = entries
  .filter((entry) => entry.isDirectory() && entry.name.endsWith("-svc"))
  .map((entry) => entry.name);
const contract = await readContract(fileURLToPath(new URL("proto/gen/contract.binpb", root)));
const problems = policyProblems(contract, services);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`policy: ${contract.methods.length} methods and ${contract.messages.length} messages keep the rules`);
