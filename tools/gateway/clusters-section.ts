import type { Section } from "./sections.ts";

/** Where services listen, by the name that is their folder, their host and their cluster. */
type Services = Readonly<Record<string, { readonly rpc: number; readonly http: number }>>;

/** Its clusters are written by hand: they say what holds for the clusters of all. */
const model = "user-svc";

/** Two clusters for each service but the model, one for each of its ports. */
export function clustersSection(services: Services): Section {
  const others = Object.entries(services).filter(([name]) => name !== model);
  return others.flatMap(([name, { rpc, http }]) => [
    ...cluster(name, { host: name, port: rpc, kind: "grpc", protocol: "*http2" }),
    ...cluster(`${name}-http`, { host: name, port: http, kind: "http", protocol: "*http1" }),
  ]);
}

/** The HTTP port of every service, which serves the keys that it knows. */
export function keysSection(services: Services): Section {
  return ["- lb_endpoints:", ...Object.entries(services).map(([host, { http }]) => `    - ${endpoint(host, http)}`)];
}

function cluster(name: string, at: { host: string; port: number; kind: "grpc" | "http"; protocol: string }): string[] {
  return [
    `- name: ${name}`,
    "  cluster_type: *dns",
    "  connect_timeout: *connect_timeout",
    "  per_connection_buffer_limit_bytes: *buffer",
    "  lb_policy: *lb",
    "  common_lb_config: *no_panic",
    "  ignore_health_on_host_removal: true",
    `  health_checks: *${at.kind}_health`,
    `  circuit_breakers: *${at.kind}_breakers`,
    "  outlier_detection: *outliers",
    `  typed_extension_protocol_options: ${at.protocol}`,
    "  load_assignment:",
    `    cluster_name: ${name}`,
    `    endpoints: [{ lb_endpoints: [{ ${endpoint(at.host, at.port)} }] }]`,
  ];
}

function endpoint(host: string, port: number): string {
  return `endpoint: { address: { socket_address: { address: ${host}, port_value: ${port} } } }`;
}
