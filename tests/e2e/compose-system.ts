import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { AuditSource } from "../../tools/audit/finding.ts";
import { hostOf } from "../../tools/audit/judge.ts";
import { freePorts } from "../../tools/stack/ports.ts";
import { portVariables, serviceNames } from "../../tools/stack/stack-config.ts";
import { reachable } from "./reachable.ts";
import { logIn } from "./shop-client.ts";
import type { PartName, System } from "./system.ts";

const rootDir = join(import.meta.dirname, "..", "..");
const outputBytesMax = 64 * 1024 * 1024;
const adminEmail = "admin@quartet.example";
const portNames = [
  ...["GATEWAY_PORT", "RABBITMQ_MANAGEMENT_PORT"],
  ...serviceNames.flatMap((service) => Object.values(portVariables(service))),
];

/** A system of containers, for tests that need more of it. */
export interface ComposeSystem extends System {
  /** What `make` and `docker compose` need to mean this system. */
  readonly env: NodeJS.ProcessEnv;
}

/** Brings compose.yaml up as a project of its own on free ports, with an administrator. */
export async function startComposeSystem(): Promise<ComposeSystem> {
  const free = await freePorts(portNames.length);
  const ports = Object.fromEntries(portNames.map((name, index) => [name, String(free[index])]));
  const env = { ...process.env, ...ports, COMPOSE_PROJECT_NAME: `quartet-e2e-${process.pid}` };
  const compose = (...args: string[]) => composeWith("", ...args);
  const composeWith = async (input: string, ...args: string[]): Promise<string> => {
    const options = { cwd: rootDir, env, maxBuffer: outputBytesMax };
    const running = promisify(execFile)("docker", ["compose", ...args], options);
    // Whoever reads its input is to find the end of it.
    running.child.stdin?.end(input);
    return (await running).stdout;
  };
  const close = async () => {
    await compose("down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "5");
  };

  try {
    await compose("up", "--build", "--detach", "--wait");
    const printed = await compose(
      ...["exec", "-T", "user-svc", "node", "--conditions=source", "src/set-admin.ts", adminEmail],
    );
    const gateway = `http://127.0.0.1:${ports.GATEWAY_PORT}`;
    const admin = { email: adminEmail, password: printed.trim().split("\n").at(-1) ?? "" };
    const { token = "" } = await logIn(gateway, admin);

    const start = async (part: PartName) => {
      await compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", part);
      await reachable(gateway, token, part);
    };
    const read = async (source: AuditSource, queries: Readonly<Record<string, string>>) => {
      const program = ["node", "../chassis/src/answer-queries.ts", `/data/${source}.sqlite`];
      return JSON.parse(await composeWith(JSON.stringify(queries), "exec", "-T", hostOf(source), ...program));
    };
    return {
      env: { ...env, MODE: "docker" },
      gateway,
      admin,
      stop: async (part) => void (await compose("stop", part)),
      start,
      async kill(part) {
        // Docker takes a kill of its own for the end that somebody wants, and starts nothing again by itself.
        await compose("kill", "--signal", "SIGKILL", part);
        await start(part);
      },
      ready: async () => void (await compose("up", "--detach", "--wait", "--no-recreate")),
      logs: (service) => compose("logs", "--no-log-prefix", service),
      read,
      query: async <Row>(source: AuditSource, sql: string) => (await read(source, { rows: sql })).rows as Row[],
      close,
    };
  } catch (error) {
    console.error(await compose("logs", "--tail", "30").catch(() => "no logs"));
    await close();
    throw error;
  }
}
