import type { Method } from "./methods.ts";

/** A part of envoy.yaml that follows from the contract: lines of YAML, indented from 0. */
export type Section = readonly string[];

/** Services that the transcoder knows. */
export function servicesSection(methods: readonly Method[]): Section {
  return ["services:", ...servicesOf(methods).map((service) => `  - ${service}`)];
}

/** Which methods need a token. The first rule that matches decides. */
export function tokensSection(methods: readonly Method[]): Section {
  return methods.map(({ path, access }) =>
    access === "public"
      ? `- { match: { path: ${path} } }`
      : `- { match: { path: ${path} }, requires: { provider_name: quartet } }`,
  );
}

/** Who may call which method, by the claims of the token. Whether a resource is the caller's own, the services know. */
export function accessSection(methods: readonly Method[]): Section {
  const claim = (name: string, value: string): string =>
    `sourced_metadata: { metadata_matcher: { filter: envoy.filters.http.jwt_authn, path: [{ key: claims }, { key: ${name} }], value: ${value} } }`;
  return [
    ...policy("anyone", methods, ["public"], "any: true"),
    ...policy("users", methods, ["user", "owner"], claim("sub", "{ string_match: { safe_regex: { regex: .+ } } }")),
    ...policy("administrators", methods, ["admin"], claim("role", "{ string_match: { exact: admin } }")),
  ];
}

function policy(name: string, methods: readonly Method[], accesses: readonly string[], principal: string): string[] {
  const allowed = methods.filter(({ access }) => accesses.includes(access));
  if (allowed.length === 0) return [];
  return [
    `${name}:`,
    "  permissions:",
    ...allowed.map(({ path }) => `    - url_path: { path: { exact: ${path} } }`),
    `  principals: [{ ${principal} }]`,
  ];
}

/** Which methods count in which rate class; readiness is a read. A path may carry the query of a Connect GET. */
export function ratesSection(methods: readonly Method[]): Section {
  const lines = ["rate_limits:"];
  for (const rateClass of ["read", "write", "credential"] as const) {
    const members = methods.filter((method) => method.rateClass === rateClass);
    if (members.length === 0) continue;
    const alternatives = servicesOf(members).map((service) => {
      const names = members.filter((method) => method.service === service).map(({ name }) => name);
      return `${service.replaceAll(".", "\\.")}/(${names.join("|")})`;
    });
    if (rateClass === "read") alternatives.push(`readyz/(${upstreamsOf(methods).join("|")})`);
    lines.push(
      "  - actions:",
      "      - header_value_match:",
      "          descriptor_key: rate_class",
      `          descriptor_value: ${rateClass}`,
      `          headers: [{ name: ":path", string_match: { safe_regex: { regex: '/(${alternatives.join("|")})(\\?.*)?' } } }]`,
      "      - masked_remote_address: { v6_prefix_mask_len: 64 }",
    );
  }
  return lines;
}

/** Methods that are counted one by one in the metrics. */
export function statsSection(methods: readonly Method[]): Section {
  return [
    "services:",
    ...servicesOf(methods).flatMap((service) => {
      const names = methods.filter((method) => method.service === service).map(({ name }) => name);
      return [`  - name: ${service}`, `    method_names: [${names.join(", ")}]`];
    }),
  ];
}

/**
 * Two routes a method: to the gRPC port and to the HTTP port, with the deadline of its policy. Reads are tried again when
 * the service says that it is unavailable; everything else only as far as the virtual host's policy goes, that is, when
 * it surely never arrived.
 */
export function routesSection(methods: readonly Method[]): Section {
  return methods.flatMap((method) => [
    `# ${method.name}: ${method.access}, ${method.idempotency}, ${method.rateClass}, ${method.deadlineMs} ms`,
    `- name: ${method.service}/${method.name}`,
    `  match: { path: ${method.path}, headers: [*grpc] }`,
    "  route:",
    `    cluster: ${method.upstream}`,
    ...limits(method, { grpc: true }),
    `- name: ${method.service}/${method.name}`,
    `  match: { path: ${method.path} }`,
    "  route:",
    `    cluster: ${method.upstream}-http`,
    ...limits(method, { grpc: false }),
  ]);
}

/** Whether a service is ready now, for everybody: one route to that page of each, and to nothing else of its HTTP port. */
export function readinessSection(methods: readonly Method[]): Section {
  return upstreamsOf(methods).flatMap((upstream) => [
    "- name: readiness",
    `  match: { path: ${readinessPath}/${upstream}, headers: [{ name: ":method", string_match: { exact: GET } }] }`,
    "  typed_per_filter_config: { envoy.filters.http.jwt_authn: *off, envoy.filters.http.rbac: *off }",
    `  route: { cluster: ${upstream}-http, prefix_rewrite: ${readinessPath}, timeout: 2s, retry_policy: {} }`,
  ]);
}

const readinessPath = "/readyz";

function upstreamsOf(methods: readonly Method[]): string[] {
  return [...new Set(methods.map(({ upstream }) => upstream))];
}

function limits(method: Method, { grpc }: { grpc: boolean }): string[] {
  const deadline = `${method.deadlineMs / 1000}s`;
  const header = grpc ? `, grpc_timeout_header_max: ${deadline}` : "";
  const lines = [`    max_stream_duration: { max_stream_duration: ${deadline}${header} }`];
  // Calls that last minutes have breakers of their own, and do not take the place of those that last milliseconds.
  if (method.serverStreaming) lines.push(`    idle_timeout: ${deadline}`, "    priority: HIGH");
  else if (method.idempotency === "no_side_effects") lines.push(`    retry_policy: *read`);
  return lines;
}

function servicesOf(methods: readonly Method[]): string[] {
  return [...new Set(methods.map(({ service }) => service))];
}
