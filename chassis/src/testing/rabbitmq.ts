import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;
const probeIntervalMs = 50;
const portAttemptsMax = 200;
const removeAttemptsMax = 20;
const removePauseMs = 25;
// Outgoing connections take ports from 32768 on; a node that loses its port to one of them fails with a riddle.
const allPorts = "20000-32000";

const serverFolders = [
  "/usr/lib/rabbitmq/bin",
  "/usr/local/sbin",
  "/usr/local/opt/rabbitmq/sbin",
  "/opt/homebrew/opt/rabbitmq/sbin",
];

/** A RabbitMQ node of the tests' own, on loopback, in a folder of its own. */
export interface TestRabbitMq {
  /** AMQP address, as in "amqp://guest:guest@127.0.0.1:20123". Stays the same across `kill` and `restart`. */
  readonly url: string;
  /** Runs rabbitmqctl on the node and returns what it prints. Rejects when it fails. */
  control(...args: string[]): Promise<string>;
  /** Ends the node with SIGKILL. Its data stays. */
  kill(): Promise<void>;
  /** Starts the node again on its data and waits until it serves. Does nothing while it runs. */
  restart(): Promise<void>;
  /** Ends the node and removes its data. */
  stop(): Promise<void>;
}

/** The programs of an installed RabbitMQ. */
export interface RabbitMqPrograms {
  readonly server: string;
  /** rabbitmqctl of the same version, which stands beside it. */
  readonly control: string;
}

/**
 * The RabbitMQ to test with: the one whose rabbitmq-server RABBITMQ_SERVER names, else the one that is installed. Throws
 * one clear sentence when there is none.
 */
export function findRabbitMq(): RabbitMqPrograms {
  const given = process.env.RABBITMQ_SERVER;
  const servers = given ? [given] : serverFolders.map((folder) => join(folder, "rabbitmq-server"));
  const server = servers.find((candidate) => existsSync(candidate));
  if (server === undefined) {
    throw new Error(
      given
        ? `RABBITMQ_SERVER names ${given}, which is not there`
        : "RabbitMQ is not installed: install rabbitmq-server, or set AMQP_TEST_URL to a running broker",
    );
  }
  return { server, control: join(dirname(server), "rabbitmqctl") };
}

let shared: Promise<TestRabbitMq> | undefined;

/**
 * Address of a broker for tests that neither stop nor change it: AMQP_TEST_URL, else one private node that all tests of
 * this process share and that ends with the process.
 */
export async function testRabbitMqUrl(): Promise<string> {
  const given = process.env.AMQP_TEST_URL;
  if (given !== undefined && given !== "") return given;
  shared ??= startTestRabbitMq();
  return (await shared).url;
}

/**
 * Lets the node of testRabbitMqUrl start while other tests run: for files that are going to need it. Whoever asks for its
 * address waits for it, and hears why it does not start.
 */
export function startRabbitMqEarly(): void {
  testRabbitMqUrl().catch(() => {});
}

/**
 * Starts a private node and waits until it serves AMQP. It ends with this process at the latest and does not keep the
 * process alive. Rejects with one clear sentence when RabbitMQ is not installed or does not start.
 */
export async function startTestRabbitMq(): Promise<TestRabbitMq> {
  const programs = findRabbitMq();
  const home = mkdtempSync(join(tmpdir(), "test-rabbitmq-"));
  const [amqpPort, distributionPort, epmdPort] = await freePorts(3);
  if (amqpPort === undefined || distributionPort === undefined || epmdPort === undefined) throw new Error("no ports");
  mkdirSync(join(home, "log"));
  writeFileSync(join(home, "enabled_plugins"), "[].");
  writeFileSync(join(home, "rabbitmq.conf"), `listeners.tcp.1 = 127.0.0.1:${amqpPort}\n`);

  const environment = {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: home,
    RABBITMQ_NODENAME: `test${amqpPort}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(amqpPort),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(home, "data"),
    RABBITMQ_LOG_BASE: join(home, "log"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, "enabled_plugins"),
    RABBITMQ_CONFIG_FILE: join(home, "rabbitmq.conf"),
    RABBITMQ_CONF_ENV_FILE: join(home, "none"),
    RABBITMQ_PID_FILE: join(home, "pid"),
    RABBITMQ_ALLOW_INPUT: "1",
    // Idle schedulers sleep instead of spinning: the tests need the processors.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1} -noinput",
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
  };
  const logFile = join(home, "server.log");

  // Its own port mapper as a child: left to itself, the node would start one that outlives it.
  const epmd = spawnQuietly("epmd", ["-port", String(epmdPort), "-address", "127.0.0.1"], environment, logFile);
  let server: ChildProcess | undefined;

  const endNow = () => {
    server?.kill("SIGKILL");
    epmd.kill("SIGKILL");
    removeFolder(home);
  };
  process.once("exit", endNow);

  async function restart(): Promise<void> {
    if (server !== undefined) return;
    const started = spawnQuietly(programs.server, [], environment, logFile);
    server = started;
    const deadline = Date.now() + startTimeoutMs;
    while (!(await answersAmqp(amqpPort as number))) {
      if (started.exitCode !== null || started.signalCode !== null || Date.now() > deadline) {
        const tail = readFileSync(logFile, "utf8").trim().split("\n").slice(-5).join("\n");
        await kill();
        throw new Error(`RabbitMQ did not start on port ${amqpPort}: ${tail}`);
      }
      await delay(probeIntervalMs);
    }
  }

  async function kill(): Promise<void> {
    const running = server;
    server = undefined;
    if (running !== undefined) await end(running, "SIGKILL");
  }

  async function stop(): Promise<void> {
    await kill();
    await end(epmd, "SIGKILL");
    process.off("exit", endNow);
    removeFolder(home);
  }

  await restart().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    url: `amqp://guest:guest@127.0.0.1:${amqpPort}`,
    async control(...args) {
      const { stdout } = await promisify(execFile)(programs.control, ["-q", ...args], { env: environment });
      return stdout;
    },
    kill,
    restart,
    stop,
  };
}

// A killed node may still be writing its last file.
function removeFolder(folder: string): void {
  for (let attempt = 1; attempt <= removeAttemptsMax; attempt++) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, removePauseMs);
    }
  }
}

// stdio goes to a file and the child is unreferenced, so that a test run can end by itself.
function spawnQuietly(command: string, args: string[], env: NodeJS.ProcessEnv, logFile: string): ChildProcess {
  const log = openSync(logFile, "a");
  const child = spawn(command, args, { env, stdio: ["ignore", log, log] });
  closeSync(log);
  child.on("error", () => {});
  child.unref();
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const over = new AbortController();
  const limit = delay(stopTimeoutMs, undefined, { signal: over.signal }).catch(() => {});
  await Promise.race([ended, limit]);
  over.abort();
}

// The port is open before the broker answers: speak the protocol header and wait for its first frame.
function answersAmqp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 1000 });
    const answer = (serving: boolean) => {
      socket.destroy();
      resolve(serving);
    };
    socket.once("connect", () => socket.write(Buffer.from("AMQP\0\0\u0009\u0001", "latin1")));
    socket.once("data", (data) => answer(data[0] === 1));
    socket.once("error", () => answer(false));
    socket.once("timeout", () => answer(false));
    socket.once("close", () => answer(false));
  });
}

/** Of FREE_PORTS=LOWEST-HIGHEST where that is set: whoever starts servers at the same time has others. */
async function freePorts(count: number): Promise<number[]> {
  const [portMin = 0, portMax = 0] = (process.env.FREE_PORTS ?? allPorts).split("-").map(Number);
  const found = new Set<number>();
  for (let attempt = 0; attempt < portAttemptsMax && found.size < count; attempt++) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
