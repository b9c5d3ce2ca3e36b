import { hostOf } from "./judge.ts";
import { planOf } from "./plan.ts";

// `node tools/audit/print-plan.ts`: what a program has to read for an audit where this one cannot read itself, a line for
// each look: the service to ask, its file, and the queries as JSON. See judge-reading.ts.
for (const { source, queries } of planOf("rest")) {
  console.log(`${hostOf(source)} ${source}.sqlite ${JSON.stringify(queries)}`);
}
