import { readFile, writeFile } from "node:fs/promises";
import { fill } from "./fill.ts";

// `node tools/gateway/generate.ts` writes the parts of envoy/envoy.yaml that follow from the contract and envoy/index.html.
// With `--check` it writes nothing and exits 1 when they are not what the contract says.
const config = new URL("../../envoy/envoy.yaml", import.meta.url);
const page = await readFile(new URL("../../envoy/index.html", import.meta.url), "utf8");
const contract = await readFile(new URL("../../proto/gen/contract.binpb", import.meta.url)).catch(() => undefined);

if (contract === undefined) {
  console.error("proto/gen/contract.binpb is missing: run `make generate` first");
  process.exitCode = 1;
} else {
  const present = await readFile(config, "utf8");
  const wanted = fill(present, contract, page);
  if (process.argv.includes("--check")) {
    if (present !== wanted) {
      console.error(
        "envoy/envoy.yaml is not what the contract and envoy/index.html say: run `node tools/gateway/generate.ts` and commit it",
      );
      process.exitCode = 1;
    }
  } else if (present !== wanted) {
    await writeFile(config, wanted);
    console.log("wrote envoy/envoy.yaml");
  }
}
