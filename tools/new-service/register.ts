import type { Filling } from "./fill-template.ts";

/** A file that has to know every service, and its text with one more. Throws when the text has no place for it. */
export interface Registration {
  readonly path: string;
  readonly add: (text: string, filling: Filling) => string;
}

/** The files in which a service is written down; everything else finds it by its folder, the contract or the list. */
export const registrations: readonly Registration[] = [
  {
    path: "tools/stack/stack-config.ts",
    add: (text, { one, ports }) =>
      insert(text, /^\} as const satisfies Record<string, ServicePorts>;$/m, "before", [
        `  "${one.kebab}-svc": { rpc: ${ports.rpc}, http: ${ports.http} },`,
      ]),
  },
  { path: "compose.yaml", add: addToCompose },
  { path: "package-lock.json", add: addToLockfile },
  { path: "README.md", add: addToReadme },
  { path: "docs/errors.md", add: addToErrors },
  { path: "tests/access/belongings.ts", add: addToBelongings },
  {
    path: "tools/audit/consumers.ts",
    add: (text, { one }) => insert(text, /^\};$/m, "before", [`  "shop.${one.snake}.v1.${one.pascal}Created": [],`]),
  },
];

function addToCompose(text: string, { one, ports }: Filling): string {
  const service = `${one.kebab}-svc`;
  const withService = insert(text, /^ {2}envoy:$/m, "before", [
    `  ${service}:`,
    "    <<: *service",
    `    build: { context: ., dockerfile: ${service}/Dockerfile }`,
    "    environment: *environment",
    "    healthcheck: *healthcheck",
    `    volumes: ["${one.kebab}-data:/data", "broker-secret:/secret:ro"]`,
    "    ports:",
    `      - "127.0.0.1:\${${one.screaming}_RPC_PORT:-${ports.rpc}}:${ports.rpc}"`,
    `      - "127.0.0.1:\${${one.screaming}_HTTP_PORT:-${ports.http}}:${ports.http}"`,
    "",
  ]);
  const gatewayWaits = /^( {6}[a-z0-9-]+-svc: \{ condition: service_healthy \}\n)+/m;
  const withGateway = insert(withService, gatewayWaits, "after", [`      ${service}: { condition: service_healthy }`]);
  const withVolume = insert(withGateway, /^ {2}broker-data:$/m, "before", [`  ${one.kebab}-data:`]);
  const backedUp = /^( {6}- [a-z0-9-]+-data:\/data\/[a-z0-9-]+-svc\n)+/m;
  return insert(withVolume, backedUp, "after", [`      - ${one.kebab}-data:/data/${service}`]);
}

function addToReadme(text: string, { one, many }: Filling): string {
  const service = `${one.kebab}-svc`;
  const methods = [`Create${one.pascal}`, `Get${one.pascal}`, `List${many.pascal}`, `Update${one.pascal}`];
  const row = [
    `[${service}](${service}/)`,
    many.phrase,
    [...methods, `Delete${one.pascal}`].join(", "),
    `${one.pascal}Created`,
    "–",
  ];
  const withRow = insert(text, /^(\| \[[a-z0-9-]+-svc\].*\n)+/m, "after", [`| ${row.join(" | ")} |`]);
  // The output of `grpcurl list`, which is sorted.
  return replace(withRow, /^(shop\.\w+\.v\d+\.\w+\n)+/m, (found) => {
    const names = [...found.trimEnd().split("\n"), `shop.${one.snake}.v1.${one.pascal}Service`];
    return `${names.sort().join("\n")}\n`;
  });
}

function addToErrors(text: string, { one }: Filling): string {
  const methods = ["Create", "Get", "Update", "Delete"].map((verb) => `\`${verb}${one.pascal}\``);
  const meaning = [
    `There is no such ${one.phrase}, or it is someone else's.`,
    `For ${methods[0]}: the request made one that has been deleted since.`,
  ];
  const row = [`\`${one.screaming}_NOT_FOUND\``, "`NOT_FOUND`", "404", methods.join(", "), meaning.join(" "), "no"];
  return `${text.trimEnd()}

## ${one.kebab}-svc

| reason | code | HTTP | methods | what it means, and what to do | again |
| --- | --- | --- | --- | --- | --- |
| ${row.join(" | ")} |
`;
}

function addToBelongings(text: string, { one, many }: Filling): string {
  const client = `${one.pascal}Service`;
  const module = `@quartet/proto/shop/${one.snake}/v1/${one.snake}_service_pb`;
  const withImport = insert(text, /^(import .*_service_pb";\n)+/m, "after", [`import { ${client} } from "${module}";`]);
  return insert(withImport, /^\};$/m, "before", [
    `  ${many.camel}: async (shop, _stocked, { headers }) => {`,
    `    const ${many.camel} = createClient(${client}, shop.transportTo(${client}));`,
    `    return (await ${many.camel}.create${one.pascal}({ displayName: "Mine" }, { headers })).name;`,
    "  },",
  ]);
}

interface Lockfile {
  readonly packages: Readonly<Record<string, unknown>>;
}

function addToLockfile(text: string, { one }: Filling): string {
  const lockfile = JSON.parse(text) as Lockfile;
  const service = `${one.kebab}-svc`;
  // A new service depends on what product-svc does, and on nothing more.
  const model = lockfile.packages["product-svc"] as Readonly<Record<string, unknown>>;
  const packages = {
    ...lockfile.packages,
    [service]: { ...model, name: `@quartet/${service}` },
    [`node_modules/@quartet/${service}`]: { resolved: service, link: true },
  };
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, "en"));
  return `${JSON.stringify({ ...lockfile, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`;
}

function insert(text: string, place: RegExp, where: "before" | "after", lines: readonly string[]): string {
  const added = `${lines.join("\n")}\n`;
  return replace(text, place, (found) => (where === "before" ? `${added}${found}` : `${found}${added}`));
}

function replace(text: string, place: RegExp, change: (found: string) => string): string {
  if (!place.test(text)) throw new Error(`there is no place like ${place}`);
  return text.replace(place, change);
}
