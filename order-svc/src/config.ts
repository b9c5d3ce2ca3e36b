import { commonSettings } from "@quartet/chassis/common-config";
import { integer, readConfig, text, type Values } from "@quartet/chassis/config";

const dayMs = 86_400_000;

/** Everything order-svc can be told by its environment. */
export const settings = {
  ...commonSettings({ rpcPort: 50053, httpPort: 8083 }),
  productTarget: text("PRODUCT_SVC_TARGET", "product-svc's gRPC port, as host:port, dns:///host:port or ipv4:a:p,b:p", {
    fallback: "127.0.0.1:50052",
  }),
  productTimeoutMs: integer(
    "PRODUCT_SVC_TIMEOUT_MS",
    "How long an order waits for product-svc before it takes the prices last known",
    { min: 1, max: 4_000, fallback: "100" },
  ),
  missingPriceTimeoutMs: integer(
    "MISSING_PRICE_TIMEOUT_MS",
    "How long an order waits for product-svc when a price is not known at all, before it is refused; a few may at a time",
    { min: 1, max: 4_000, fallback: "2000" },
  ),
  priceMaxAgeMs: integer("PRICE_MAX_AGE_MS", "For how long a price is taken without asking product-svc", {
    min: 0,
    max: dayMs,
    fallback: "30000",
  }),
  stepDeadlineMs: integer(
    "STEP_DEADLINE_MS",
    "How long stock and payment may each take, from the moment they could know of it and be heard, before the order is cancelled",
    { min: 1_000, max: dayMs, fallback: "900000" },
  ),
  cancelWindowMs: integer("CANCEL_WINDOW_MS", "For how long a confirmed order can still be cancelled by its owner", {
    min: 0,
    max: 365 * dayMs,
    fallback: String(dayMs),
  }),
  watchesMax: integer("WATCHES_MAX", "How many orders can be watched at a time", {
    min: 1,
    max: 100_000,
    fallback: "400",
  }),
  watchesPerUserMax: integer("WATCHES_PER_USER_MAX", "How many orders one user can watch at a time", {
    min: 1,
    max: 100_000,
    fallback: "20",
  }),
  watchHeartbeatMs: integer("WATCH_HEARTBEAT_MS", "After how long without news a watch shows that it lives", {
    min: 10,
    max: 15_000,
    fallback: "15000",
  }),
};

export type OrderConfig = Values<typeof settings>;

/** Reads the configuration. Throws a ConfigError that lists every problem. */
export function readOrderConfig(environment: NodeJS.ProcessEnv = process.env): OrderConfig {
  return readConfig(settings, environment);
}
