import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { createLogStream, type LogForm } from "../logs/log-stream.ts";
import { privateBrokerUrl } from "../stack/rabbitmq.ts";
import { waitUntil } from "../stack/ready.ts";
import { namedPart, runningStack } from "../stack/redeploy.ts";
import { askSupervisor } from "../stack/requests.ts";
import { readRunState } from "../stack/run-state.ts";
import { serviceProcess } from "../stack/service-process.ts";
import { type ServiceName, type StackConfig, serviceNames } from "../stack/stack-config.ts";
import { StackError } from "../stack/stack-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const defaultPort = 9229;
const stopTimeoutMs = 20_000;

/**
 * Runs one service of a running native stack in the foreground under Node's inspector, in the place of the supervised
 * one: same data, ports and neighbours. Gives the place back when it ends. Resolves to its exit code.
 */
export async function debug(
  config: StackConfig,
  part: string | undefined,
  { env, form, say }: { env: Environment; form: LogForm; say: (line: string) => void },
): Promise<number> {
  const state = runningStack(config);
  if (part !== undefined && !serviceNames.includes(part as ServiceName)) namedPart(state, part);
  if (!serviceNames.includes(part as ServiceName)) {
    throw new StackError(`Say which service with SVC=: ${serviceNames.join(", ")}.`);
  }
  const service = part as ServiceName;
  const { ports, dataDir, rootDir } = state.config;
  const spec = serviceProcess({
    service,
    rootDir,
    dataDir,
    logsDir: dataDir,
    ports: ports.services[service],
    stackPorts: ports,
    amqpUrl: state.config.amqpUrl ?? privateBrokerUrl(dataDir, ports.amqp),
    env,
  });
  askSupervisor(dataDir, { action: "stop", part: service });
  const isFree = await waitUntil(
    () => readRunState(dataDir)?.processes.find(({ name }) => name === service)?.state === "stopped",
    stopTimeoutMs,
  );
  try {
    if (!isFree) throw new StackError(`${service} did not stop within ${stopTimeoutMs / 1000} s.`);
    const inspect = `${env.BREAK === "1" ? "--inspect-brk" : "--inspect"}=127.0.0.1:${env.DEBUG_PORT || defaultPort}`;
    say(`${service} runs here under the inspector; Ctrl-C gives its place back.`);
    const child = spawn(spec.command, [inspect, ...spec.args], {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ["inherit", "pipe", "inherit"],
    });
    const stream = createLogStream(form, (text) => process.stdout.write(text));
    createInterface({ input: child.stdout as Readable }).on("line", (line) => stream.add(service, line));
    const code = await ended(child);
    stream.flush();
    return code;
  } finally {
    askSupervisor(dataDir, { action: "start", part: service });
  }
}

async function ended(child: ChildProcess): Promise<number> {
  // Ctrl-C reaches both: the service stops in order, and we stay until it has.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return await new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
