import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { loadContract } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { topologyOf } from "@quartet/chassis/events/topology";
import { eventually } from "@quartet/chassis/testing/eventually";
import { connect } from "amqplib";
import { findRabbit } from "../../../tools/stack/rabbitmq.ts";
import type { Stack } from "../../../tools/stack/stack.ts";
import { serviceNames } from "../../../tools/stack/stack-config.ts";

/** The private broker of a stack, and what an operator may do to it. */
export interface StackBroker {
  /** Runs rabbitmqctl on it and returns what it prints. */
  control(...args: string[]): Promise<string>;
  /** Lets it run out of disk space or memory as it sees it, and waits until it says so, or ends that. */
  setAlarm(of: Shortage, on: boolean): Promise<void>;
  /** Gives its only user another password, and ends all connections; without one, gives the right one back. */
  changePassword(password?: string): Promise<void>;
  /** Resolves when every publisher knows its queues: what it sends before that on its first start it sends once more. */
  known(): Promise<void>;
  deleteQueue(queue: string): Promise<void>;
  deleteExchange(exchange: string): Promise<void>;
  /** Removes all its data while it does not run. */
  wipe(): void;
}

/** What a broker can be short of. */
type Shortage = "disk" | "memory";

const exchange = "shop.events";
const alarmTimeMaxMs = 20_000;
const knownTimeMaxMs = 30_000;
const limits = {
  disk: { setting: "set_disk_free_limit", alarming: "1000000GB", usual: "1MB" },
  memory: { setting: "set_vm_memory_high_watermark", alarming: "0.00001", usual: "0.4" },
} as const;

/** The broker of a stack that has one of its own. */
export function stackBroker(stack: Stack, dataDir: string): StackBroker {
  const tools = findRabbit(process.env);
  if (tools === undefined) throw new Error("RabbitMQ is not installed");
  const home = join(dataDir, "rabbitmq");
  const env = {
    PATH: [dirname(tools.epmd), process.env.PATH].join(":"),
    HOME: home,
    LANG: "C.UTF-8",
    ERL_EPMD_PORT: String(stack.ports.epmd),
    RABBITMQ_NODENAME: "quartet@localhost",
    RABBITMQ_CONF_ENV_FILE: join(home, "no-environment-file"),
  };
  const program = join(dirname(tools.server), "rabbitmqctl");
  const control = async (...args: string[]) => (await promisify(execFile)(program, ["-q", ...args], { env })).stdout;

  async function withChannel(work: (channel: Awaited<ReturnType<typeof openChannel>>["channel"]) => Promise<unknown>) {
    const { connection, channel } = await openChannel(stack.urls.amqp);
    try {
      await work(channel);
    } finally {
      await connection.close().catch(() => {});
    }
  }

  return {
    control,
    async setAlarm(of, on) {
      const { setting, alarming, usual } = limits[of];
      await control(setting, on ? alarming : usual);
      const isOn = async () => (await control("eval", "rabbit_alarm:get_alarms().")).includes(of);
      await eventually(`alarm ${on ? "on" : "off"}`, async () => (await isOn()) === on, alarmTimeMaxMs);
    },
    async changePassword(password) {
      const { username, password: usual } = new URL(stack.urls.amqp);
      await control("change_password", username, password ?? usual);
      if (password !== undefined) await control("close_all_connections", "the password was changed");
    },
    async known() {
      const catalog = eventCatalog(loadContract().registry.files);
      const marks = serviceNames.flatMap((service) =>
        topologyOf(catalog, { service, exchange }).outbound.map(({ queue }) => `${queue}.known.${service}`),
      );
      const missing = async () => {
        const there = new Set((await control("list_exchanges", "name")).split("\n"));
        return marks.filter((mark) => !there.has(mark));
      };
      await eventually("all marks", async () => (await missing()).length === 0, knownTimeMaxMs);
    },
    deleteQueue: (queue) => withChannel((channel) => channel.deleteQueue(queue)),
    deleteExchange: (exchange) => withChannel((channel) => channel.deleteExchange(exchange)),
    wipe: () => rmSync(join(home, "data"), { recursive: true, force: true }),
  };
}

async function openChannel(url: string) {
  const connection = await connect(url, { noDelay: true });
  connection.on("error", () => {});
  return { connection, channel: await connection.createChannel() };
}
