import { commonSettings } from "@quartet/chassis/common-config";
import { readConfig, type Values } from "@quartet/chassis/config";

/** Everything payment-svc can be told by its environment. */
export const settings = commonSettings({ rpcPort: 50054, httpPort: 8084 });

export type PaymentConfig = Values<typeof settings>;

/** Reads the configuration. Throws a ConfigError that lists every problem. */
export function readPaymentConfig(environment: NodeJS.ProcessEnv = process.env): PaymentConfig {
  return readConfig(settings, environment);
}
