import { answersOk, brokerAnswers } from "./ready.ts";
import type { ProcessStatus } from "./run-state.ts";
import { type ServiceName, type StackConfig, serviceNames } from "./stack-config.ts";

/** Whether one part of a running stack answers: a service's /readyz, a call through the gateway, a broker's handshake. */
export async function isPartReady(config: Pick<StackConfig, "ports">, status: ProcessStatus): Promise<boolean> {
  if (status.state !== "running") return false;
  const { ports } = config;
  if (status.name === "envoy") return await answersOk(`http://127.0.0.1:${ports.gateway}/v1/products?pageSize=1`);
  if (status.name === "rabbitmq") return await brokerAnswers(`amqp://127.0.0.1:${ports.amqp}`);
  if (!serviceNames.includes(status.name as ServiceName)) return true;
  return await answersOk(`http://127.0.0.1:${ports.services[status.name as ServiceName].http}/readyz`);
}
