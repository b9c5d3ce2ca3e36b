import { waitUntil } from "../../tools/stack/ready.ts";
import { shopClient } from "./shop-client.ts";
import type { PartName } from "./system.ts";

/** A call that only this service answers. */
const probes: Partial<Record<PartName, string>> = {
  "user-svc": "/v1/users/me",
  "product-svc": "/v1/products?pageSize=1",
  "order-svc": "/v1/orders?pageSize=1",
  "payment-svc": "/v1/payments?pageSize=1",
};
const timeoutMs = 60_000;
const intervalMs = 100;

/** Resolves when calls through the gateway reach a service: it looks again, about twice a second, for one that was down. */
export async function reachable(gateway: string, token: string, part: PartName): Promise<void> {
  const path = probes[part];
  if (path === undefined) return;
  let last: unknown;
  const answers = async () => {
    last = await shopClient(gateway, token)
      .get(path)
      .catch((error: unknown) => ({ error }));
    return (last as { status?: number }).status === 200;
  };
  if (await waitUntil(answers, timeoutMs, intervalMs)) return;
  throw new Error(`the gateway does not reach ${part}: ${JSON.stringify(last)}`);
}
