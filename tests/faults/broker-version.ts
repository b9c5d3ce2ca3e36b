import type { NativeSystem } from "../e2e/native-system.ts";

/** The version of the broker that serves a system. */
export function brokerVersion(system: NativeSystem): string {
  const [, version = "of a version unknown"] = /Starting RabbitMQ (\S+)/.exec(system.stack.logs("rabbitmq")) ?? [];
  return version;
}
