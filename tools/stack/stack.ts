import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { provideEnvoy } from "./envoy.ts";
import { prepareGateway } from "./gateway-process.ts";
import { keepLogsBounded } from "./log-rotation.ts";
import { freePorts, freeStackPorts } from "./ports.ts";
import { prepareRabbit, provideRabbit, type RabbitTools } from "./rabbitmq.ts";
import { answersOk, brokerAnswers, waitUntil } from "./ready.ts";
import type { ProcessStatus } from "./run-state.ts";
import { serviceProcess } from "./service-process.ts";
import { byService, type ServiceName, type ServicePorts, type StackPorts, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";
import { type ProcessSpec, type SupervisedProcess, superviseProcess } from "./supervised-process.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Ports on loopback that lead to a part by another way, for those who want to put something in between. */
export interface Detours {
  /** To the broker, for single services. */
  readonly amqp?: Partial<Record<ServiceName, number>>;
  /** To services, for the gateway. */
  readonly services?: Partial<Record<ServiceName, ServicePorts>>;
}

/** What `startStack` starts and how. */
export interface StackOptions {
  /** Databases, broker, logs and secrets of this stack; made when it is missing. */
  readonly dataDir: string;
  readonly rootDir?: string;
  /** Free ports when not given. */
  readonly ports?: StackPorts;
  /** A broker that is there already; without it a private one is started. */
  readonly amqpUrl?: string;
  readonly corsOrigins?: readonly string[];
  /** Other limits of calls per client address than the committed ones. */
  readonly rateLimits?: Parameters<typeof prepareGateway>[0]["rateLimits"];
  /** Added to the environment of single services. */
  readonly serviceEnv?: Partial<Record<ServiceName, Environment>>;
  /** Programs found before; looked for (and where that is allowed, installed) when not given. */
  readonly envoy?: string;
  readonly rabbit?: RabbitTools;
  readonly detours?: Detours;
  /** Leave the gateway out. */
  readonly withoutGateway?: boolean;
  readonly env?: Environment;
  readonly report?: (line: string) => void;
  /** Called after each change of a process. */
  readonly onChange?: () => void;
}

/** A running stack. Names are the services', "envoy", "rabbitmq" and "epmd", and those that `startTwin` returns. */
export interface Stack {
  readonly ports: StackPorts;
  readonly urls: {
    readonly gateway: string;
    readonly gatewayAdmin: string;
    readonly amqp: string;
    /** host:port */
    readonly rpc: Readonly<Record<ServiceName, string>>;
    readonly http: Readonly<Record<ServiceName, string>>;
  };
  status(): readonly ProcessStatus[];
  /** Sends a signal; a process that ends by it is started again. Throws a StackError for an unknown name. */
  kill(name: string, signal?: NodeJS.Signals): void;
  /** Ends a process and keeps it down until `start`. */
  stop(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** Starts it unless it runs; `once` as in SupervisedProcess. */
  start(name: string, ...once: readonly Environment[]): void;
  /** Puts a process with the code as it is now in the place of the running one; see SupervisedProcess. */
  replace(name: string): Promise<void>;
  /** Starts a second process of a service on the same data directory, on free ports. Returns its name. */
  startTwin(service: ServiceName, env?: Environment): Promise<{ name: string; rpc: string; http: string }>;
  /** Everything the process has written since its log was last rotated. */
  logs(name: string): string;
  /** Whether one part answers now: /readyz of a service, a call through the gateway, the broker's handshake. */
  isReady(name: string): Promise<boolean>;
  /** Resolves when the named parts (default: all) are ready; throws a StackError naming those that are not. */
  ready(options?: { names?: readonly string[]; timeoutMs?: number }): Promise<void>;
  /** Ends everything, callers before those they call. */
  down(): Promise<void>;
}

const readyTimeoutMs = 90_000;

/** Starts the whole system as child processes. Resolves when they are started, not when they are ready. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { dataDir, env = process.env, report = () => {}, onChange } = options;
  const rootDir = options.rootDir ?? join(import.meta.dirname, "..", "..");
  const ports = options.ports ?? (await freeStackPorts());
  const logsDir = join(dataDir, "logs");
  mkdirSync(logsDir, { recursive: true });

  const specs: ProcessSpec[] = [];
  let amqpUrl = options.amqpUrl;
  if (amqpUrl === undefined) {
    const tools = options.rabbit ?? (await provideRabbit(env, report));
    const rabbit = prepareRabbit({ tools, dataDir, logsDir, ports, env });
    amqpUrl = rabbit.url;
    specs.push(...rabbit.specs);
  }
  const shared = { rootDir, dataDir, logsDir, stackPorts: ports };
  const amqpUrlOf = (service: ServiceName) => withPort(amqpUrl, options.detours?.amqp?.[service]);
  const environmentOf = (service: ServiceName) => ({ ...env, ...options.serviceEnv?.[service] });
  for (const service of serviceNames) {
    const own = { service, ports: ports.services[service], amqpUrl: amqpUrlOf(service), env: environmentOf(service) };
    specs.push(serviceProcess({ ...shared, ...own }));
  }
  if (options.withoutGateway !== true) {
    const binary = options.envoy ?? (await provideEnvoy(env, rootDir, report));
    specs.push(
      prepareGateway({
        binary,
        rootDir,
        dataDir,
        logsDir,
        ports,
        upstreamPorts: options.detours?.services,
        corsOrigins: options.corsOrigins ?? [],
        rateLimits: options.rateLimits,
      }),
    );
  }

  const httpUrls = new Map<string, string>(serviceNames.map((name) => [name, url(ports.services[name].http)]));
  const supervised = new Map<string, SupervisedProcess>();
  const logFiles = new Map<string, string>();
  const add = (spec: ProcessSpec) => {
    const supervisedProcess = superviseProcess({ spec, onChange });
    supervised.set(spec.name, supervisedProcess);
    logFiles.set(spec.name, spec.logFile);
    supervisedProcess.start();
  };
  for (const spec of specs) add(spec);
  const endRotation = keepLogsBounded(() => [...logFiles.values()]);

  const named = (name: string) => {
    const found = supervised.get(name);
    if (found === undefined) throw new StackError(`There is no part "${name}": ${[...supervised.keys()].join(", ")}.`);
    return found;
  };
  async function isReady(name: string): Promise<boolean> {
    if (named(name).status().state !== "running") return false;
    if (name === "rabbitmq") return await brokerAnswers(amqpUrl as string);
    if (name === "envoy") return await answersOk(`${url(ports.gateway)}/v1/products?pageSize=1`);
    const httpUrl = httpUrls.get(name);
    return httpUrl === undefined || (await answersOk(`${httpUrl}/readyz`));
  }

  return {
    ports,
    urls: {
      gateway: url(ports.gateway),
      gatewayAdmin: url(ports.gatewayAdmin),
      amqp: amqpUrl,
      rpc: byService((name) => `127.0.0.1:${ports.services[name].rpc}`),
      http: byService((name) => url(ports.services[name].http)),
    },
    status: () => [...supervised.values()].map((one) => one.status()),
    kill: (name, signal = "SIGKILL") => named(name).kill(signal),
    stop: async (name, signal) => await named(name).stop(signal),
    start: (name, ...once) => named(name).start(...once),
    replace: async (name) => await named(name).replace(),
    async startTwin(service, twinEnv) {
      const [rpc, http] = (await freePorts(2)) as [number, number];
      const name = `${service}-${[...supervised.keys()].filter((key) => key.startsWith(service)).length + 1}`;
      httpUrls.set(name, url(http));
      const env = { ...environmentOf(service), ...twinEnv };
      add(serviceProcess({ ...shared, service, name, ports: { rpc, http }, amqpUrl: amqpUrlOf(service), env }));
      return { name, rpc: `127.0.0.1:${rpc}`, http: url(http) };
    },
    logs(name) {
      const file = logFiles.get(named(name).name);
      return file !== undefined && existsSync(file) ? readFileSync(file, "utf8") : "";
    },
    isReady,
    async ready({ names = [...supervised.keys()], timeoutMs = readyTimeoutMs } = {}) {
      const waiting = new Set(names);
      await waitUntil(async () => {
        const answers = await Promise.all([...waiting].map(async (name) => [name, await isReady(name)] as const));
        for (const [name, isUp] of answers) if (isUp) waiting.delete(name);
        return waiting.size === 0;
      }, timeoutMs);
      if (waiting.size > 0) throw new StackError(`Not ready after ${timeoutMs / 1000} s: ${[...waiting].join(", ")}.`);
    },
    async down() {
      const level = (name: string) => (name === "envoy" ? 0 : name === "rabbitmq" ? 2 : name === "epmd" ? 3 : 1);
      for (const current of [0, 1, 2, 3]) {
        const ending = [...supervised.values()].filter((one) => level(one.name) === current);
        await Promise.all(ending.map((one) => one.stop()));
      }
      endRotation();
    },
  };
}

const url = (port: number) => `http://127.0.0.1:${port}`;

function withPort(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  const moved = new URL(address);
  moved.port = String(port);
  return moved.href;
}
