import { serviceNames } from "./stack-config.ts";

const answerTimeMaxMs = 2_000;

/** What Envoy's admin interface says of a cluster; a host is without the mark once a health check of it has passed. */
interface ClusterStatus {
  readonly name: string;
  readonly host_statuses?: readonly { readonly health_status: { readonly failed_active_health_check?: boolean } }[];
}

/**
 * The services which the gateway would not send a call to now. It looks at them itself, up to half a second after they have
 * become ready, and answers calls for those it has not found yet with UNAVAILABLE.
 */
export async function unreachedServices(ports: { readonly gatewayAdmin: number }): Promise<string[]> {
  try {
    const url = `http://127.0.0.1:${ports.gatewayAdmin}/clusters?format=json`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(answerTimeMaxMs) });
    const { cluster_statuses: clusters } = (await answer.json()) as { cluster_statuses: ClusterStatus[] };
    const isReached = (name: string) => {
      const hosts = clusters.find((cluster) => cluster.name === name)?.host_statuses ?? [];
      return hosts.some(({ health_status }) => health_status.failed_active_health_check !== true);
    };
    return serviceNames.filter((name) => !isReached(name) || !isReached(`${name}-http`));
  } catch {
    return [...serviceNames];
  }
}
