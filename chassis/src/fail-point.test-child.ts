// Passes fail points: node fail-point.test-child.ts <FAIL_POINT>. Prints what it passed.
import { writeSync } from "node:fs";
import { armFailPoint, failPoint, failPointAfterWrites, readFailPoint } from "./fail-point.ts";

const say = (line: string) => writeSync(1, `${line}\n`);

armFailPoint(readFailPoint(process.argv[2] ?? ""));
failPoint("relay.before-publish", "Started");
say("1");
failPoint("relay.before-publish", "Ended");
say("2");
failPoint("transaction.after-commit", () => ["Started", "Ended"]);
say("3");
failPoint("relay.before-publish", "Ended");
say("4");
setImmediate(() => {
  failPoint("relay.after-confirm", "Ended");
  say("5");
});
failPointAfterWrites("relay.after-publish", "Ended");
failPointAfterWrites("relay.after-publish", "Answered", "relay.after-confirm");
setTimeout(() => say("6"), 100);
