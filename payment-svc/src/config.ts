import { commonSettings } from "@quartet/chassis/common-config";
import { integer, readConfig, type Values } from "@quartet/chassis/config";

/** Everything payment-svc can be told by its environment. */
export const settings = {
  ...commonSettings({ rpcPort: 50054, httpPort: 8084 }),
  providerCallsMax: integer(
    "PROVIDER_CALLS_MAX",
    "How many calls to the payment provider may be under way at most: over how long one takes, that is how many orders can be paid",
    { min: 1, max: 10_000, fallback: "128" },
  ),
};

export type PaymentConfig = Values<typeof settings>;

/** Reads the configuration. Throws a ConfigError that lists every problem. */
export function readPaymentConfig(environment: NodeJS.ProcessEnv = process.env): PaymentConfig {
  return readConfig(settings, environment);
}
