import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findOnPath } from "./commands.ts";
import { readOrCreateSecret, writeSecretFile } from "./secret-file.ts";
import type { StackPorts } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";
import type { ProcessSpec } from "./supervised-process.ts";
import { aptInstall, installSituation, mayInstall } from "./system-packages.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the programs of an installed RabbitMQ are. */
export interface RabbitTools {
  readonly server: string;
  readonly epmd: string;
}

const stopTimeoutMs = 20_000;
const brokerUser = "quartet";

/** Finds an installed RabbitMQ; undefined when there is none. Throws a StackError when the one that is named is not there. */
export function findRabbit(env: Environment): RabbitTools | undefined {
  if (env.RABBITMQ_SERVER && !existsSync(env.RABBITMQ_SERVER)) {
    throw new StackError(`RABBITMQ_SERVER names ${env.RABBITMQ_SERVER}, which is not there.`);
  }
  // Debian's command on PATH insists on the system's own user and folders; the script behind it does not.
  const server = [
    env.RABBITMQ_SERVER || undefined,
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    findOnPath("rabbitmq-server", env),
  ].find((file) => file !== undefined && existsSync(file));
  const epmd = findOnPath("epmd", env) ?? erlangEpmd("/usr/lib/erlang") ?? erlangEpmd("/usr/local/lib/erlang");
  return server === undefined || epmd === undefined ? undefined : { server, epmd };
}

function erlangEpmd(folder: string): string | undefined {
  const runtime = existsSync(folder) ? readdirSync(folder).find((name) => name.startsWith("erts-")) : undefined;
  return runtime === undefined ? undefined : join(folder, runtime, "bin", "epmd");
}

/** Finds RabbitMQ or, where that is allowed, installs it. Throws a StackError that says what to do otherwise. */
export async function provideRabbit(env: Environment, report: (line: string) => void): Promise<RabbitTools> {
  const found = findRabbit(env);
  if (found !== undefined) return found;
  if (!mayInstall(installSituation(env))) {
    throw new StackError(
      "RabbitMQ is needed and not installed: install the package rabbitmq-server, or give AMQP_URL= of a broker, or as root on Debian or Ubuntu run again with INSTALL=1.",
    );
  }
  report("RabbitMQ is missing: installing it");
  const installed = (await aptInstall(["rabbitmq-server"], report, env)) ? findRabbit(env) : undefined;
  if (installed === undefined) {
    throw new StackError(
      "apt-get could not install rabbitmq-server (see above): install it by hand or give AMQP_URL=.",
    );
  }
  return installed;
}

/** The address of the private broker under a data directory, with its password, which is made when it is missing. */
export function privateBrokerUrl(dataDir: string, port: number): string {
  return `amqp://${brokerUser}:${readOrCreateSecret(join(dataDir, "rabbitmq", "password"))}@127.0.0.1:${port}`;
}

/**
 * Lays out a private broker under the data directory: own node, cookie, port mapper and random password, loopback only.
 * Returns its processes, in the order to start them, and the URL with its password.
 */
export function prepareRabbit(options: {
  tools: RabbitTools;
  dataDir: string;
  logsDir: string;
  ports: Pick<StackPorts, "amqp" | "amqpDistribution" | "epmd">;
  env: Environment;
}): { specs: ProcessSpec[]; url: string } {
  const { tools, dataDir, logsDir, ports, env } = options;
  const home = join(dataDir, "rabbitmq");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  readOrCreateSecret(join(home, ".erlang.cookie"), 0o400);
  const password = readOrCreateSecret(join(home, "password"));
  const configFile = join(home, "rabbitmq.conf");
  writeSecretFile(
    configFile,
    [
      `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
      `default_user = ${brokerUser}`,
      `default_pass = ${password}`,
      "log.console = true",
      "log.console.level = info",
      "",
    ].join("\n"),
  );
  writeFileSync(join(home, "enabled_plugins"), "[].\n");
  const shared = {
    PATH: [dirname(tools.epmd), env.PATH].join(":"),
    HOME: home,
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: "127.0.0.1",
  };
  const broker: ProcessSpec = {
    name: "rabbitmq",
    command: tools.server,
    args: [],
    cwd: home,
    logFile: join(logsDir, "rabbitmq.log"),
    stopTimeoutMs,
    env: {
      ...shared,
      RABBITMQ_NODENAME: "quartet@localhost",
      RABBITMQ_MNESIA_BASE: join(home, "data"),
      RABBITMQ_LOG_BASE: join(home, "log"),
      RABBITMQ_LOGS: "-",
      RABBITMQ_CONFIG_FILE: configFile,
      RABBITMQ_CONF_ENV_FILE: join(home, "no-environment-file"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(home, "enabled_plugins"),
      RABBITMQ_DIST_PORT: String(ports.amqpDistribution),
      // Idle schedulers sleep instead of spinning: two cores are shared with everything else.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
      // Makes the start script give way to the Erlang machine, so that our pid is the broker itself.
      RUNNING_UNDER_SYSTEMD: "true",
    },
  };
  const portMapper: ProcessSpec = {
    name: "epmd",
    command: tools.epmd,
    args: ["-port", String(ports.epmd), "-address", "127.0.0.1"],
    cwd: home,
    logFile: join(logsDir, "epmd.log"),
    stopTimeoutMs: 2_000,
    env: shared,
  };
  return {
    specs: [portMapper, broker],
    url: privateBrokerUrl(dataDir, ports.amqp),
  };
}
