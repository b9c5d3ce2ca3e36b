import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "@quartet/chassis/config";
import { loadContract, serviceOf } from "@quartet/chassis/contract";
import { describe, it } from "mocha";
import { parse } from "yaml";
import { portVariables, serviceNames, services } from "../tools/stack/stack-config.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface ComposeService {
  readonly build: { readonly dockerfile: string };
  readonly depends_on: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

describe("the list of services", () => {
  const compose = parse(read("compose.yaml"), { merge: true }) as Compose;

  it("has every folder that holds one, and every package of the contract with methods", () => {
    const folders = readdirSync(root).filter((name) => existsSync(join(root, name, "src", "service.ts")));
    assert.deepEqual([...serviceNames].sort(), folders.sort());
    const files = [...loadContract().registry.files].filter((file) => file.services.length > 0);
    const own = files.filter((file) => file.proto.package.startsWith("shop."));
    assert.deepEqual([...new Set(own.map(serviceOf))].sort(), folders.sort());
  });

  it("gives no port twice", () => {
    const ports = Object.values(services).flatMap(({ rpc, http }) => [rpc, http]);
    assert.deepEqual(ports, [...new Set(ports)]);
  });

  it("is that of compose.yaml, where the gateway waits for all", () => {
    const built = Object.keys(compose.services).filter((name) => name.endsWith("-svc"));
    assert.deepEqual(built.sort(), [...serviceNames].sort());
    assert.deepEqual(Object.keys(compose.services.envoy?.depends_on ?? {}).sort(), [...serviceNames].sort());
  });

  const template = "tools/new-service/template/sample-item-svc";
  for (const file of ["Dockerfile", "tsconfig.json", ".mocharc.json", "drizzle.config.ts", "src/main.ts"]) {
    it(`has the same ${file} in every service and in what new ones are made of, but for names and ports`, () => {
      const texts = [...serviceNames, template].map((folder) => nameless(folder, read(`${folder}/${file}`)));
      for (const text of texts) assert.equal(text, texts[0]);
    });
  }

  it("depends on contract and chassis in the versions that are here, as what new ones are made of does", () => {
    const manifest = (folder: string) => JSON.parse(read(`${folder}/package.json`)) as Manifest;
    const here = Object.fromEntries(
      ["proto", "chassis"].map((folder) => [manifest(folder).name, `^${manifest(folder).version}`]),
    );
    for (const folder of ["chassis", ...serviceNames, template]) {
      const ours = Object.entries(manifest(folder).dependencies).filter(([name]) => name in here);
      assert.ok(ours.length > 0, folder);
      for (const [name, version] of ours)
        assert.equal(minorOf(version), minorOf(here[name] ?? ""), `${folder}: ${name}`);
    }
  });

  for (const name of serviceNames) {
    const { rpc, http } = services[name];

    it(`has the ports that ${name} takes by default, alone and in its image`, async () => {
      const { settings } = (await import(join(root, name, "src", "config.ts"))) as { settings: Settings };
      assert.deepEqual([settings.rpcPort?.fallback, settings.httpPort?.fallback], [String(rpc), String(http)]);
      const dockerfile = read(`${name}/Dockerfile`);
      assert.match(dockerfile, new RegExp(`RPC_PORT=${rpc} HTTP_PORT=${http} `));
      assert.match(dockerfile, new RegExp(`^EXPOSE ${rpc} ${http}$`, "m"));
    });

    it(`has ${name} in compose.yaml, with its ports and a volume of its own`, () => {
      const service = compose.services[name] ?? assert.fail();
      const variables = portVariables(name);
      assert.equal(service.build.dockerfile, `${name}/Dockerfile`);
      assert.deepEqual(service.ports, [
        `127.0.0.1:\${${variables.rpc}:-${rpc}}:${rpc}`,
        `127.0.0.1:\${${variables.http}:-${http}}:${http}`,
      ]);
      const volume = `${name.replace(/-svc$/, "")}-data`;
      assert.deepEqual(service.volumes, [`${volume}:/data`, "broker-secret:/secret:ro"]);
      assert.ok(volume in compose.volumes, volume);
      assert.ok(compose.services.backup?.volumes.includes(`${volume}:/data/${name}`), "is backed up");
    });

    it(`has ${name} in the lockfile as its package.json is, and in the README`, () => {
      const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Record<string, unknown>> };
      const manifest = JSON.parse(read(`${name}/package.json`)) as Record<string, unknown>;
      const { name: packageName, version, dependencies } = manifest;
      const locked = lock.packages[name];
      assert.deepEqual([locked?.name, locked?.version, locked?.dependencies], [packageName, version, dependencies]);
      assert.deepEqual(lock.packages[`node_modules/${packageName}`], { resolved: name, link: true });
      assert.match(read("README.md"), new RegExp(`^\\| \\[${name}\\]\\(${name}/\\) \\|`, "m"));
    });
  }
});

/** The part of a version that decides whether it fits: before 1.0 a caret takes patches only. */
function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

/** A file of a service with other words in place of its name and ports. */
function nameless(folder: string, text: string): string {
  const service = folder.slice(folder.lastIndexOf("/") + 1);
  const words = service.replace(/-svc$/, "").split("-");
  const noun = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join("");
  return text
    .replaceAll(service, "this-svc")
    .replaceAll(noun, "This")
    .replaceAll(/\b(500|80)\d\d\b/g, "$1nn");
}
