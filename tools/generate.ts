import { generateContract } from "./contract/generate-contract.ts";

// `node tools/generate.ts`: makes everything that is derived from proto/ and not committed. Needs no network.
await generateContract({ root: new URL("../", import.meta.url), report: (line) => console.log(line) });
