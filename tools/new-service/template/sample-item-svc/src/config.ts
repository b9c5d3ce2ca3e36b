import { commonSettings } from "@quartet/chassis/common-config";
import { readConfig, type Values } from "@quartet/chassis/config";

/** Everything sample-item-svc can be told by its environment. */
export const settings = commonSettings({ rpcPort: 50099, httpPort: 8099 });

export type SampleItemConfig = Values<typeof settings>;

/** Reads the configuration. Throws a ConfigError that lists every problem. */
export function readSampleItemConfig(environment: NodeJS.ProcessEnv = process.env): SampleItemConfig {
  return readConfig(settings, environment);
}
