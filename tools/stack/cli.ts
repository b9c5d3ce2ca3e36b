import { rmSync } from "node:fs";
import { join } from "node:path";
import { debug } from "../dev/debug.ts";
import { dev } from "../dev/dev.ts";
import { logForm } from "../logs/log-stream.ts";
import { showLogs } from "../logs/show-logs.ts";
import { seedNative } from "../seed/seed-native.ts";
import { adminFile, resetAdmin } from "./admin-account.ts";
import { provideChromium } from "./chromium.ts";
import { down } from "./down.ts";
import { provideEnvoy } from "./envoy.ts";
import { provideGrpcurl } from "./grpcurl.ts";
import { showParked } from "./parked.ts";
import { provideRabbit } from "./rabbitmq.ts";
import { redeploy, runningStack } from "./redeploy.ts";
import { readStackConfig, type StackConfig, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";
import { printStatus } from "./status.ts";
import { up } from "./up.ts";
import { whatToTry } from "./what-to-try.ts";

// `node tools/stack/cli.ts COMMAND [PART]`: the native side of make up, dev, down, status, logs, redeploy, debug, reset, seed, admin, audit,
// backup, restore, replay, parked.

const linesBefore = 100;
/** Exit code of what Ctrl-C ended. */
const interrupted = 130;
const rootDir = join(import.meta.dirname, "..", "..");
const report = (line: string) => console.error(line);

const commands: Record<string, (config: StackConfig, part: string | undefined) => Promise<number>> = {
  async up(config) {
    process.once("SIGINT", () => {
      report("Interrupted. What has started goes on in the background: `make down` stops it.");
      process.exit(interrupted);
    });
    await up(config, process.env, report);
    await seedNative(config, process.env, report);
    console.log(whatToTry(config, "native"));
    return 0;
  },
  async down(config) {
    if (!(await down(config.dataDir, report))) report("Nothing was running.");
    return 0;
  },
  async dev(config) {
    const seed = () => seedNative(config, process.env, report);
    await dev({ config, env: process.env, form: logForm(process.env, process.stdout.isTTY), seed, say: report });
    // A reload that was interrupted would be waited for.
    return await new Promise(() => process.stdout.write("", () => process.exit(0)));
  },
  async debug(config, part) {
    return await debug(config, part, {
      env: process.env,
      form: logForm(process.env, process.stdout.isTTY),
      say: report,
    });
  },
  status: (config) => printStatus(config, (line) => console.log(line)),
  async logs(config, part) {
    const { FOLLOW, LINES } = process.env;
    const once = FOLLOW === "0";
    const linesMax = LINES ? Number(LINES) : once ? Number.POSITIVE_INFINITY : linesBefore;
    if (!(linesMax >= 0)) throw new StackError(`LINES must be a number, not "${LINES}".`);
    const form = logForm(process.env, process.stdout.isTTY);
    await showLogs({ dataDir: config.dataDir, part, linesMax, once, form });
    return 0;
  },
  async redeploy(config, part) {
    await redeploy(config, part);
    report(`${part} runs the current code`);
    return 0;
  },
  async reset(config) {
    await down(config.dataDir, report);
    rmSync(config.dataDir, { recursive: true, force: true });
    return 0;
  },
  async seed(config) {
    runningStack(config);
    await seedNative(config, process.env, report);
    return 0;
  },
  async audit(config) {
    // Needs installed packages, which whoever only wants to see or stop what runs may not have.
    const { auditNative } = await import("../audit/audit-native.ts");
    return await auditNative(config, process.env, (line) => console.log(line));
  },
  async backup(config) {
    await (await import("../backup/native.ts")).backUpNative(config, process.env, report);
    return 0;
  },
  async restore(config) {
    await (await import("../backup/native.ts")).restoreNative(config, process.env, report);
    return 0;
  },
  async replay(config) {
    (await import("../backup/native.ts")).replayNative(config, process.env, report);
    return 0;
  },
  parked: (config, part) => showParked(config, part, process.env),
  async admin(config) {
    const { email, password } = await resetAdmin({ rootDir, dataDir: config.dataDir, env: process.env });
    console.log(`email:    ${email}\npassword: ${password}\n(kept in ${adminFile(config.dataDir)})`);
    return 0;
  },
  /** Fetches what the tests and the stack need, without starting anything. */
  async fetch(config) {
    if (config.amqpUrl === undefined) await provideRabbit(process.env, report);
    await provideEnvoy(process.env, rootDir, report);
    await provideGrpcurl(process.env, rootDir, report);
    await provideChromium(process.env, report);
    return 0;
  },
};

const [command = "", part] = process.argv.slice(2);
const action = commands[command];
if (action === undefined) {
  report(`usage: cli.ts ${Object.keys(commands).join("|")} [${serviceNames.join("|")}|envoy|rabbitmq]`);
  process.exit(2);
}
try {
  process.exitCode = await action(readStackConfig(process.env, rootDir), part || undefined);
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  report(error.message);
  process.exitCode = 1;
}
