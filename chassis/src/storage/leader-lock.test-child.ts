// Takes the lock and keeps it until it is killed: node leader-lock.test-child.ts <file>. Prints when it leads.
import { writeSync } from "node:fs";
import { createLeaderLock } from "./leader-lock.ts";

const lock = createLeaderLock({ file: process.argv[2] ?? "", onError: console.error });
lock.onChange((leader) => writeSync(1, leader ? "leads\n" : "follows\n"));
lock.start();
setInterval(() => undefined, 60_000);
