import type { Stack } from "../../../tools/stack/stack.ts";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";

/** The sum of a metric of a running service, over its labels that contain the given text. */
export async function readMetric(stack: Stack, service: ServiceName, name: string, labels = ""): Promise<number> {
  const response = await fetch(`${stack.urls.http[service]}/metrics`);
  const lines = (await response.text()).split("\n");
  return lines
    .filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
