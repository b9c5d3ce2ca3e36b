import { commonSettings } from "@quartet/chassis/common-config";
import { readConfig, type Values } from "@quartet/chassis/config";

/** Everything product-svc can be told by its environment. */
export const settings = commonSettings({ rpcPort: 50052, httpPort: 8082 });

export type ProductConfig = Values<typeof settings>;

/** Reads the configuration. Throws a ConfigError that lists every problem. */
export function readProductConfig(environment: NodeJS.ProcessEnv = process.env): ProductConfig {
  return readConfig(settings, environment);
}
