import { importsIn, packageOf } from "./imports.ts";
import { isTest, packages, type Rule, type SourceTree, services } from "./source-tree.ts";

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (tree: SourceTree, folder: string): Manifest =>
  JSON.parse(tree.get(folder === "" ? "package.json" : `${folder}/package.json`) ?? "{}");

/** Files that are at the same place in every service, and the folders and kinds of file that it may have besides. */
const ownFiles = ["package.json", "Dockerfile", "README.md", "tsconfig.json", ".mocharc.json", "drizzle.config.ts"];
const sourceFiles = ["main.ts", "service.ts", "config.ts", "migrations.ts"];
const sourceFolders = ["domain", "app", "rpc", "events", "storage", "clients", "security", "testing"];
const neededFolders = ["domain", "app", "rpc", "events", "storage"];

/** What a folder's non-test sources are told to have at run time although nothing in them imports it. */
const loadedUnseen: Readonly<Record<string, readonly string[]>> = {
  // Compiled code of the contract imports it by its own name; in the workspace it is generated.
  proto: ["@bufbuild/protobuf"],
};

/** Packages whose types only are needed, from a package of another name. */
const typesOf = (name: string) => `@types/${name.replace("@", "").replace("/", "__")}`;

/** How the packages of the workspace are cut. */
export const packageRules: readonly Rule[] = [
  {
    sentence: "every service has the same shape",
    violations: (tree) =>
      services.flatMap((service) => {
        const paths = [...tree.keys()].filter((path) => path.startsWith(`${service}/`));
        const missing = [
          ...sourceFiles.map((name) => `${service}/src/${name}`),
          ...["package.json", "tsconfig.json"].map((name) => `${service}/${name}`),
        ].filter((path) => !tree.has(path));
        const absent = neededFolders.filter(
          (name) => !paths.some((path) => path.startsWith(`${service}/src/${name}/`)),
        );
        const strange = paths.filter((path) => {
          const [, top = "", second = "", ...rest] = path.split("/");
          if (second === "") return !ownFiles.includes(top) && !top.endsWith(".json") && !top.startsWith(".");
          if (top === "migrations") return !/^\d{4}_\w+\.sql$/.test(second);
          return top !== "src" || (rest.length > 0 && !sourceFolders.includes(second));
        });
        return [
          ...missing.map((path) => `${path} is missing`),
          ...absent.map((name) => `${service}/src/${name}/ is missing`),
          ...strange.map((path) => `${path} has a place that no other service has`),
        ];
      }),
    refused: [
      without(aService(), "order-svc/src/config.ts"),
      { ...aService(), "order-svc/src/controllers/order.ts": "" },
      { ...aService(), "order-svc/lib/order.ts": "" },
      without(aService(), "order-svc/src/events/publish.ts"),
    ],
    accepted: { ...aService(), "order-svc/src/deadline-sweeper.ts": "", "order-svc/src/clients/catalogue.ts": "" },
  },
  {
    sentence: "every package declares what its sources import",
    violations: (tree) =>
      packages.flatMap((folder) => {
        const { dependencies, optionalDependencies, devDependencies } = manifestOf(tree, folder);
        const root = manifestOf(tree, "").devDependencies;
        return importsIn(tree, [folder], { tests: true }).flatMap((found) => {
          const name = packageOf(found);
          if (name === undefined) return [];
          const forRun = { ...dependencies, ...optionalDependencies };
          const forTests = { ...forRun, ...devDependencies, ...root };
          const isDeclared = (known: Readonly<Record<string, string>>) => name in known || typesOf(name) in known;
          if (isDeclared(isTest(found.path) || isTool(found.path) || found.isTypeOnly ? forTests : forRun)) return [];
          return `${found.path}:${found.line}: ${name} is not in ${folder}/package.json`;
        });
      }),
    refused: [
      { "chassis/package.json": "{}", "chassis/src/a.ts": `import { jwtVerify } from "jose";` },
      {
        "chassis/package.json": `{"devDependencies":{"@grpc/grpc-js":"1"}}`,
        "chassis/src/a.ts": `import { Server } from "@grpc/grpc-js";`,
      },
    ],
    accepted: {
      "package.json": `{"devDependencies":{"mocha":"1"}}`,
      "chassis/package.json": `{"dependencies":{"@grpc/grpc-js":"1"}}`,
      "chassis/src/a.ts": `import { Server } from "@grpc/grpc-js/build";\nimport { join } from "node:path";`,
      "chassis/src/a.test.ts": `import { it } from "mocha";`,
    },
  },
  {
    sentence: "no package declares what its sources do not import",
    violations: (tree) =>
      packages.flatMap((folder) => {
        const { dependencies, optionalDependencies } = manifestOf(tree, folder);
        const imported = importsIn(tree, [folder], { tests: true }).flatMap((found) => packageOf(found) ?? []);
        const used = new Set([...imported, ...imported.map(typesOf)]);
        return Object.keys({ ...dependencies, ...optionalDependencies })
          .filter((name) => !used.has(name) && !loadedUnseen[folder]?.includes(name))
          .map((name) => `${folder}/package.json: nothing imports ${name}`);
      }),
    refused: [
      { "chassis/package.json": `{"dependencies":{"jose":"1"}}`, "chassis/src/a.ts": `import { pino } from "pino";` },
    ],
    accepted: { "chassis/package.json": `{"dependencies":{"jose":"1"}}`, "chassis/src/a.ts": `import "jose";` },
  },
  {
    sentence: "packages agree on the version of what they share",
    violations: (tree) => {
      const versions = new Map<string, Map<string, string>>();
      for (const folder of ["", ...packages]) {
        const { dependencies, optionalDependencies, devDependencies } = manifestOf(tree, folder);
        for (const [name, version] of Object.entries({
          ...dependencies,
          ...optionalDependencies,
          ...devDependencies,
        })) {
          versions.set(name, (versions.get(name) ?? new Map()).set(version, folder || "the root"));
        }
      }
      return [...versions]
        .filter(([, found]) => found.size > 1)
        .map(
          ([name, found]) => `${name}: ${[...found].map(([version, folder]) => `${version} in ${folder}`).join(", ")}`,
        );
    },
    refused: [
      {
        "package.json": `{"devDependencies":{"jose":"1.0.0"}}`,
        "chassis/package.json": `{"dependencies":{"jose":"1.0.1"}}`,
      },
    ],
    accepted: {
      "user-svc/package.json": `{"dependencies":{"jose":"1.0.0"}}`,
      "chassis/package.json": `{"dependencies":{"jose":"1.0.0"}}`,
    },
  },
  {
    sentence:
      "the lockfile names no registry, so that any mirror can serve it, and pins by hash all that is not for some other platform",
    violations: (tree) => {
      const { packages: locked = {} } = JSON.parse(tree.get("package-lock.json") ?? "{}") as {
        packages?: Readonly<
          Record<string, { resolved?: string; integrity?: string; link?: boolean; optional?: boolean }>
        >;
      };
      return Object.entries(locked).flatMap(([path, { resolved, integrity, link, optional = false }]) => {
        if (resolved !== undefined && link !== true) return `package-lock.json: ${path} is resolved to ${resolved}`;
        return path.includes("node_modules/") && link !== true && !optional && integrity === undefined
          ? `package-lock.json: ${path} has no hash`
          : [];
      });
    },
    refused: [
      {
        "package-lock.json": `{"packages":{"node_modules/a":{"resolved":"https://r.example/a.tgz","integrity":"sha512-a"}}}`,
      },
      { "package-lock.json": `{"packages":{"node_modules/a":{"version":"1.0.0"}}}` },
    ],
    accepted: {
      "package-lock.json": `{"packages":{"":{},"chassis":{},"node_modules/c":{"resolved":"chassis","link":true},"node_modules/a":{"integrity":"sha512-a"}}}`,
    },
  },
];

function isTool(path: string): boolean {
  return path.endsWith("/drizzle.config.ts");
}

function aService(): Record<string, string> {
  const files = [
    ...sourceFiles,
    "domain/order.ts",
    "app/place-order.ts",
    "rpc/order-service.ts",
    "events/publish.ts",
    "storage/schema.ts",
  ].map((name) => `src/${name}`);
  return Object.fromEntries(
    services.flatMap((service) =>
      [...files, "package.json", "tsconfig.json", "README.md", "migrations/0000_first.sql"].map((name) => [
        `${service}/${name}`,
        "",
      ]),
    ),
  );
}

function without(tree: Record<string, string>, path: string): Record<string, string> {
  const { [path]: _, ...rest } = tree;
  return rest;
}
