import type { KeySet } from "./auth/key-set.ts";
import type { Broker } from "./broker/broker.ts";
import type { Page } from "./rpc/http-server.ts";
import type { ServiceCore } from "./service-core.ts";

/** How long a key set may be kept by whoever fetches it. Short: a new key is known everywhere within this time. */
const jwksMaxAgeS = 60;

/**
 * Creates the pages every service answers on its HTTP port:
 * `/healthz` 200 while the process and its database work (a failing one is restarted); it asks nobody else, so that a
 * broker that is down restarts nothing. `/readyz` 200 while it serves; the broker's state is told, and does not make it
 * unready, because the outbox bridges it. `/metrics` for Prometheus. `/.well-known/jwks.json` the keys that sign access
 * tokens, from the last good answer where they are fetched.
 */
export function createStatusPages(
  core: Pick<ServiceCore, "name" | "database" | "metrics">,
  parts: { broker: Broker; keySet: KeySet; isServing: () => boolean },
): Readonly<Record<string, Page>> {
  const isDatabaseWorking = () => {
    try {
      core.database.sqlite.prepare("SELECT 1").get();
      return true;
    } catch {
      return false;
    }
  };
  return {
    "/healthz": () => json(isDatabaseWorking() ? 200 : 503, { service: core.name }),
    "/readyz": () =>
      json(parts.isServing() && isDatabaseWorking() ? 200 : 503, {
        service: core.name,
        serving: parts.isServing(),
        broker: parts.broker.connected ? "connected" : "unavailable",
      }),
    "/metrics": async () => ({ status: 200, ...(await core.metrics.expose()) }),
    "/.well-known/jwks.json": () => {
      const keys = parts.keySet.current();
      return keys === undefined
        ? json(503, { error: "no keys are known yet" })
        : json(200, keys, { "cache-control": `max-age=${jwksMaxAgeS}` });
    },
  };
}

function json(status: number, body: unknown, headers: Record<string, string> = {}) {
  return { status, contentType: "application/json", body: JSON.stringify(body), headers };
}
