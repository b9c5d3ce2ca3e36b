import { readFileSync } from "node:fs";
import { Document, isMap, isSeq, parseDocument, type YAMLMap } from "yaml";

/** Where a service listens. */
export interface Upstream {
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
}

/** A bucket of tokens for each client address: so many calls at once, so many a second after that. */
export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/** What a copy of the gateway's configuration may say differently. What is left out stays as it is committed. */
export interface GatewayOptions {
  /** By name of the service, as in "order-svc". */
  readonly upstreams?: Readonly<Record<string, Upstream>>;
  readonly listenAddress?: string;
  readonly listenPort?: number;
  /** Loopback always. 0 takes a free port, which Envoy writes to the file of `--admin-address-path`. */
  readonly adminPort?: number;
  readonly metricsPort?: number;
  /** Origins whose pages may call, as in "http://localhost:3000". Empty: none. */
  readonly corsOrigins?: readonly string[];
  /** The contract's descriptor set, as Envoy sees the file. */
  readonly descriptorPath?: string;
  /** `address` counts all calls, the others those of a rate class of the contract. */
  readonly rateLimits?: Readonly<Partial<Record<"address" | "read" | "write" | "credential", RateLimit>>>;
  /** Whether gRPC reflection is open to the public. */
  readonly reflection?: boolean;
  readonly tokenIssuer?: string;
  readonly tokenAudience?: string;
  readonly maxHeapBytes?: number;
}

const committed = new URL("../../envoy/envoy.yaml", import.meta.url);

/**
 * Returns the committed envoy.yaml with other addresses, ports, origins and limits, comments included: for native runs
 * and for images. Throws when an option names something that the file does not have.
 */
export function renderGateway(options: GatewayOptions, source: string = readFileSync(committed, "utf8")): string {
  const document = parseDocument(source);
  const fault = document.errors[0];
  if (fault !== undefined) throw fault;
  const manager = connectionManager(document, "gateway");

  setAddresses(document, options);
  for (const [service, upstream] of Object.entries(options.upstreams ?? {})) setUpstream(document, service, upstream);
  if (options.corsOrigins !== undefined) {
    const policy = ["route_config", "virtual_hosts", 0, "typed_per_filter_config", "envoy.filters.http.cors"];
    set(
      manager,
      [...policy, "allow_origin_string_match"],
      options.corsOrigins.map((exact) => ({ exact })),
    );
  }
  if (options.descriptorPath !== undefined) {
    const transcoder = httpFilter(manager, "envoy.filters.http.grpc_json_transcoder");
    set(transcoder, ["typed_config", "proto_descriptor"], options.descriptorPath);
  }
  for (const [name, limit] of Object.entries(options.rateLimits ?? {})) setRateLimit(manager, name, limit);
  const provider = ["typed_config", "providers", "quartet"];
  const jwt = httpFilter(manager, "envoy.filters.http.jwt_authn");
  if (options.tokenIssuer !== undefined) set(jwt, [...provider, "issuer"], options.tokenIssuer);
  if (options.tokenAudience !== undefined) set(jwt, [...provider, "audiences"], [options.tokenAudience]);
  if (options.maxHeapBytes !== undefined) {
    const monitor = ["overload_manager", "resource_monitors", 0, "typed_config", "max_heap_size_bytes"];
    set(document, monitor, options.maxHeapBytes);
  }
  return (options.reflection === false ? withoutReflection(document) : document).toString({ lineWidth: 0 });
}

type Node = Pick<Document, "getIn" | "hasIn" | "setIn">;
type Path = readonly (string | number)[];

function set(node: Node, path: Path, value: unknown): void {
  if (!node.hasIn([...path])) throw new Error(`envoy.yaml has no ${path.join(".")}`);
  node.setIn([...path], value);
}

function items(node: Node, path: Path): YAMLMap[] {
  const list = node.getIn([...path], true);
  if (!isSeq(list)) throw new Error(`envoy.yaml has no list ${path.join(".")}`);
  return list.items.filter((item) => isMap(item));
}

function named(node: Node, path: Path, name: string): YAMLMap {
  const found = items(node, path).find((item) => item.get("name") === name);
  if (found === undefined) throw new Error(`envoy.yaml has no ${name} in ${path.join(".")}`);
  return found;
}

function listener(document: Document, name: string): YAMLMap {
  return named(document, ["static_resources", "listeners"], name);
}

function cluster(document: Document, name: string): YAMLMap {
  return named(document, ["static_resources", "clusters"], name);
}

function connectionManager(document: Document, listenerName: string): YAMLMap {
  const manager = listener(document, listenerName).getIn(["filter_chains", 0, "filters", 0, "typed_config"], true);
  if (!isMap(manager)) throw new Error(`envoy.yaml has no connection manager in the listener ${listenerName}`);
  return manager;
}

function httpFilter(manager: YAMLMap, name: string): YAMLMap {
  return named(manager, ["http_filters"], name);
}

const socketAddress = ["address", "socket_address"];
const firstEndpoint = ["load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", ...socketAddress];

function setAddresses(document: Document, options: GatewayOptions): void {
  const { listenAddress, listenPort, adminPort, metricsPort } = options;
  const gateway = listener(document, "gateway");
  if (listenAddress !== undefined) set(gateway, [...socketAddress, "address"], listenAddress);
  if (listenPort !== undefined) set(gateway, [...socketAddress, "port_value"], listenPort);
  if (metricsPort !== undefined) set(listener(document, "metrics"), [...socketAddress, "port_value"], metricsPort);
  if (adminPort !== undefined) {
    set(document, ["admin", ...socketAddress, "port_value"], adminPort);
    set(cluster(document, "admin"), [...firstEndpoint, "port_value"], adminPort);
  }
}

function setUpstream(document: Document, service: string, { host, grpcPort, httpPort }: Upstream): void {
  const http = cluster(document, `${service}-http`);
  // The keys come from the same HTTP ports, so the entry to change there is the one that still says what this one said.
  const before = {
    host: http.getIn([...firstEndpoint, "address"]),
    port: http.getIn([...firstEndpoint, "port_value"]),
  };
  for (const endpoint of items(cluster(document, "jwks"), [...firstEndpoint.slice(0, 3), "lb_endpoints"])) {
    const at = ["endpoint", ...socketAddress];
    if (endpoint.getIn([...at, "address"]) !== before.host) continue;
    if (endpoint.getIn([...at, "port_value"]) !== before.port) continue;
    set(endpoint, [...at, "address"], host);
    set(endpoint, [...at, "port_value"], httpPort);
    break;
  }
  set(http, [...firstEndpoint, "address"], host);
  set(http, [...firstEndpoint, "port_value"], httpPort);
  const grpc = cluster(document, service);
  set(grpc, [...firstEndpoint, "address"], host);
  set(grpc, [...firstEndpoint, "port_value"], grpcPort);
}

function setRateLimit(manager: YAMLMap, name: string, { burst, perSecond }: RateLimit): void {
  const filter = httpFilter(manager, `envoy.filters.http.local_ratelimit.${name === "address" ? "address" : "method"}`);
  const descriptor = items(filter, ["typed_config", "descriptors"]).find(
    (item) => name === "address" || item.getIn(["entries", 0, "value"]) === name,
  );
  if (descriptor === undefined) throw new Error(`envoy.yaml has no rate limit ${name}`);
  set(descriptor, ["token_bucket", "max_tokens"], burst);
  set(descriptor, ["token_bucket", "tokens_per_fill"], perSecond);
}

/** Without its routes, rules and policy it is like any other unknown service. */
function withoutReflection(document: Document): Document {
  // A copy without anchors, because other routes refer to what the routes of reflection define. It loses the comments.
  const copy = new Document(document.toJS(), { aliasDuplicateObjects: false });
  const manager = connectionManager(copy, "gateway");
  const routes = manager.getIn(["route_config", "virtual_hosts", 0, "routes"], true);
  const rules = httpFilter(manager, "envoy.filters.http.jwt_authn").getIn(["typed_config", "rules"], true);
  for (const list of [routes, rules]) {
    if (isSeq(list)) list.items = list.items.filter((item) => !isReflection(item));
  }
  httpFilter(manager, "envoy.filters.http.rbac").deleteIn(["typed_config", "rules", "policies", "reflection"]);
  return copy;
}

function isReflection(item: unknown): boolean {
  return isMap(item) && String(item.getIn(["match", "prefix"])).startsWith("/grpc.reflection.");
}
