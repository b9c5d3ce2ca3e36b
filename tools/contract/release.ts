import { fileURLToPath } from "node:url";
import { releaseContract } from "./released-contract.ts";

// `node tools/contract/release.ts`: a deliberate act. proto/README.md says when and how.
const version = await releaseContract(fileURLToPath(new URL("../../", import.meta.url)));
console.log(`released ${version}: commit proto/released`);
