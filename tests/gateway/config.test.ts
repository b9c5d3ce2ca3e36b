import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { parse } from "yaml";
import { fill } from "../../tools/gateway/fill.ts";
import { type Method, readMethods } from "../../tools/gateway/methods.ts";
import { renderGateway } from "../../tools/gateway/render.ts";
import { routesSection } from "../../tools/gateway/sections.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";
import { contractPath, envoyBinary, readContract } from "./gateway-process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const configPath = join(root, "envoy", "envoy.yaml");
const page = readFileSync(join(root, "envoy", "index.html"), "utf8");

// Of the configuration only what is looked at here; the rest is Envoy's own to check.
interface HttpFilter {
  name: string;
  typed_config: {
    services?: string[];
    rules?: { match: { path?: string; prefix?: string }; requires?: object }[] & {
      policies: Record<string, { permissions: { url_path: { path: { exact?: string } } }[] }>;
    };
    rate_limits?: { actions: { header_value_match?: { descriptor_value: string; headers: PathMatcher[] } }[] }[];
    descriptors?: {
      entries: { value?: string }[];
      token_bucket: { max_tokens: number; tokens_per_fill: number };
    }[];
    individual_method_stats_allowlist?: { services: { name: string; method_names: string[] }[] };
  };
}
interface PathMatcher {
  string_match: { safe_regex: { regex: string } };
}
interface Route {
  match: { path?: string; headers?: object[] };
  route?: {
    cluster: string;
    max_stream_duration: { max_stream_duration: string; grpc_timeout_header_max?: string };
    retry_policy?: { retry_on: string };
  };
}
interface Config {
  admin: { address: { socket_address: { address: string } } };
  static_resources: {
    listeners: {
      filter_chains: { filters: { typed_config: { http_filters: HttpFilter[]; route_config: object } }[] }[];
    }[];
    clusters: { name: string; health_checks?: { grpc_health_check?: object; http_health_check?: object }[] }[];
  };
}

describe("envoy.yaml", () => {
  let contract: Uint8Array;
  let methods: Method[];
  let committed: string;
  let config: Config;
  let filters: Map<string, HttpFilter["typed_config"]>;
  let routes: Route[];
  before(async () => {
    contract = await readContract();
    methods = readMethods(contract);
    committed = await readFile(configPath, "utf8");
    config = parse(committed) as Config;
    const manager = config.static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config;
    assert.ok(manager);
    filters = new Map(
      manager.http_filters.map(({ name, typed_config }) => [name.replace("envoy.filters.http.", ""), typed_config]),
    );
    routes = (manager.route_config as { virtual_hosts: { routes: Route[] }[] }).virtual_hosts[0]?.routes ?? [];
  });

  it("is what the contract says", async () => {
    assert.equal(fill(committed, contract, page), committed, "run `node tools/gateway/generate.ts`");
    await promisify(execFile)(process.execPath, [join(root, "tools", "gateway", "generate.ts"), "--check"]);
  });

  it("drifts when a part is changed by hand, missing, repeated or left open", () => {
    const changed = committed.replace("max_stream_duration: 5s", "max_stream_duration: 9s");
    assert.notEqual(fill(changed, contract, page), changed);
    assert.throws(() => fill(committed.replace("# <contract rates>", ""), contract, page), /lacks the parts rates/);
    assert.throws(
      () => fill(committed.replace("# <contract rates>", "# <contract stats>"), contract, page),
      /stats|rates/,
    );
    assert.throws(() => fill(committed.replaceAll("# </contract>", ""), contract, page), /not closed/);
  });

  it("is accepted by Envoy, without a warning about old settings", async () => {
    const folder = await mkdtemp(join(tmpdir(), "quartet-gateway-"));
    try {
      for (const options of [{}, { reflection: false }]) {
        const file = join(folder, "envoy.yaml");
        await writeFile(file, renderGateway({ ...options, descriptorPath: contractPath }));
        const checked = spawnSync(envoyBinary(), ["--mode", "validate", "-c", file, "--use-dynamic-base-id"], {
          encoding: "utf8",
        });
        assert.equal(checked.status, 0, checked.stderr);
        assert.doesNotMatch(checked.stderr, /deprecated|will be ignored/i);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("has its filters in the order that the design gives", () => {
    assert.deepEqual(
      [...filters.keys()],
      [
        "health_check",
        "cors",
        "local_ratelimit.address",
        "compressor",
        "grpc_web",
        "buffer",
        "grpc_json_transcoder",
        "jwt_authn",
        "rbac",
        "local_ratelimit.method",
        "grpc_stats",
        "router",
      ],
    );
  });

  it("has both routes of every method, with the deadline and the retries of its policy", () => {
    assert.ok(methods.length >= 15);
    for (const { path, upstream, deadlineMs, idempotency, serverStreaming } of methods) {
      const [grpc, http, ...more] = routes.filter(({ match }) => match.path === path).map(({ route }) => route);
      assert.equal(more.length, 0);
      assert.equal(grpc?.cluster, upstream);
      assert.equal(http?.cluster, `${upstream}-http`);
      const deadline = `${deadlineMs / 1000}s`;
      assert.deepEqual(grpc?.max_stream_duration, {
        max_stream_duration: deadline,
        grpc_timeout_header_max: deadline,
      });
      assert.deepEqual(http?.max_stream_duration, { max_stream_duration: deadline });
      // A stream is the caller's to begin again: only the caller knows how far it came.
      const isRepeated = idempotency === "no_side_effects" && !serverStreaming;
      for (const route of [grpc, http]) {
        assert.equal(/unavailable/.test(route?.retry_policy?.retry_on ?? ""), isRepeated, path);
      }
    }
  });

  it("names every method in the rules for tokens, in one access policy, one rate class and the metrics", () => {
    const rules = filters.get("jwt_authn")?.rules ?? [];
    const policies = Object.values(filters.get("rbac")?.rules?.policies ?? {});
    const rates = (filters.get("local_ratelimit.method")?.rate_limits ?? []).map(
      ({ actions }) => actions[0]?.header_value_match,
    );
    const counted = filters.get("grpc_stats")?.individual_method_stats_allowlist?.services ?? [];
    for (const { service, name, path, access, rateClass } of methods) {
      const rule = rules.filter(({ match }) => match.path === path);
      assert.equal(rule.length, 1, path);
      assert.equal(rule[0]?.requires === undefined, access === "public", path);
      const allowed = policies
        .flatMap(({ permissions }) => permissions)
        .filter((one) => one.url_path.path.exact === path);
      assert.equal(allowed.length, 1, path);
      const classes = rates.filter((rate) => {
        return new RegExp(`^${rate?.headers[0]?.string_match.safe_regex.regex}$`).test(`${path}?connect=v1`);
      });
      assert.deepEqual(
        classes.map((rate) => rate?.descriptor_value),
        [rateClass],
        path,
      );
      assert.ok(counted.find((one) => one.name === service)?.method_names.includes(name), path);
      assert.ok(filters.get("grpc_json_transcoder")?.services?.includes(service), path);
    }
    assert.deepEqual(rules.at(-1), { match: { prefix: "/" }, requires: { provider_name: "quartet" } });
  });

  it("has the rate limits that the README tells", async () => {
    const readme = await readFile(join(root, "envoy", "README.md"), "utf8");
    for (const name of ["address", "method"]) {
      const { descriptors = [] } = filters.get(`local_ratelimit.${name}`) ?? {};
      assert.ok(descriptors.length > 0);
      for (const { entries, token_bucket: bucket } of descriptors) {
        const [perSecond, burst] = [bucket.tokens_per_fill, bucket.max_tokens].map((count) =>
          count.toLocaleString("en"),
        );
        const calls = entries[0]?.value === undefined ? "all calls" : `\`${entries[0].value.toUpperCase()}\``;
        assert.ok(readme.includes(`${calls} ${perSecond}/s (burst ${burst})`), calls);
      }
    }
  });

  it("asks both ports of every service whether it serves, and keeps the admin port on loopback", () => {
    const clusters = new Map(config.static_resources.clusters.map((cluster) => [cluster.name, cluster]));
    for (const upstream of new Set(methods.map((method) => method.upstream))) {
      assert.ok(clusters.get(upstream)?.health_checks?.[0]?.grpc_health_check, upstream);
      assert.ok(clusters.get(`${upstream}-http`)?.health_checks?.[0]?.http_health_check, upstream);
    }
    assert.equal(config.admin.address.socket_address.address, "127.0.0.1");
  });
});

describe("routesSection", () => {
  it("lets a stream be quiet as long as it may last, and never repeats one", async () => {
    const [method] = readMethods(await readContract());
    assert.ok(method);
    const watch: Method = { ...method, serverStreaming: true, idempotency: "no_side_effects", deadlineMs: 3_600_000 };
    const lines = routesSection([watch]).join("\n");
    assert.match(lines, /idle_timeout: 3600s/);
    assert.doesNotMatch(lines, /retry_policy/);
  });
});

describe("the REST bindings of the contract", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  it("each arrive at their method", async () => {
    const headers = await fixture.bearer("admin");
    for (const { path, bindings } of readMethods(await readContract())) {
      assert.ok(bindings.length > 0, `${path} has no REST binding`);
      for (const { verb, template } of bindings) {
        fixture.services.reset();
        const url = template.replace(/\{[^=}]+=([^}]+)\}/g, "$1").replace(/\{[^}]+\}|\*+/g, "x");
        const body = verb === "GET" || verb === "DELETE" ? {} : { body: {} };
        const answer = await fixture.http(verb, url, { headers, ...body });
        assert.equal(answer.status, 200, `${verb} ${url}: ${answer.text}`);
        assert.equal(fixture.services.calls[0]?.path, path);
      }
    }
  });
});

describe("renderGateway", () => {
  const upstream = { host: "10.0.0.1", grpcPort: 1, httpPort: 2 };

  it("changes what it is asked to and nothing else", async () => {
    const committed = await readFile(configPath, "utf8");
    assert.deepEqual(parse(renderGateway({})), parse(committed));
    assert.match(renderGateway({}), /# Two rules explain the order/, "comments stay");

    const rendered = renderGateway({ upstreams: { "order-svc": upstream }, listenPort: 9000, corsOrigins: [] });
    const config = parse(rendered);
    const expected = parse(committed);
    const at = (cluster: string) => {
      const found = expected.static_resources.clusters.find(({ name }: { name: string }) => name === cluster);
      return found.load_assignment.endpoints[0].lb_endpoints;
    };
    at("order-svc")[0].endpoint.address.socket_address = { address: "10.0.0.1", port_value: 1 };
    at("order-svc-http")[0].endpoint.address.socket_address = { address: "10.0.0.1", port_value: 2 };
    at("jwks")[2].endpoint.address.socket_address = { address: "10.0.0.1", port_value: 2 };
    const gateway = expected.static_resources.listeners[0];
    gateway.address.socket_address.port_value = 9000;
    const host = gateway.filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0];
    host.typed_per_filter_config["envoy.filters.http.cors"].allow_origin_string_match = [];
    assert.deepEqual(config, expected);
  });

  it("refuses what the file does not have", () => {
    assert.throws(() => renderGateway({ upstreams: { "nope-svc": upstream } }), /nope-svc/);
    assert.throws(() => renderGateway({ listenPort: 1 }, "a: 1"), /envoy\.yaml has no/);
  });
});
