import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, it } from "mocha";

const root = fileURLToPath(new URL("../../", import.meta.url));
const biome = join(root, "node_modules/@biomejs/biome/bin/biome");

/** A made-up file for each rule, at a path where it holds, with what breaks it. */
const refused: readonly (readonly [rule: string, path: string, text: string])[] = [
  ["lint/nursery/noFloatingPromises", "chassis/src/a.ts", "async function b() {}\nexport function c() {\n  b();\n}\n"],
  [
    "lint/nursery/noMisusedPromises",
    "chassis/src/b.ts",
    "export async function c(): Promise<boolean> {\n  return true;\n}\nif (c()) console.log(1);\n",
  ],
  ["lint/suspicious/noImportCycles", "chassis/src/c.ts", 'export { d } from "./d.ts";\nexport const c = 1;\n'],
  ["lint/suspicious/noExplicitAny", "chassis/src/e.ts", "export const e: any = 1;\n"],
  ["lint/style/noDefaultExport", "chassis/src/f.ts", "export default 1;\n"],
  ["lint/style/noEnum", "chassis/src/g.ts", "export enum G {\n  H,\n}\n"],
  ["lint/style/noProcessEnv", "chassis/src/h.ts", "export const h = process.env.H;\n"],
  ["lint/style/useFilenamingConvention", "chassis/src/someFile.ts", "export const i = 1;\n"],
  ["lint/correctness/useImportExtensions", "chassis/src/j.ts", 'import { i } from "./k";\nconsole.log(i);\n'],
  ["lint/performance/noReExportAll", "chassis/src/l.ts", 'export * from "./k.ts";\n'],
  [
    "lint/style/noRestrictedImports",
    "order-svc/src/domain/m.ts",
    'import { a } from "../app/n.ts";\nconsole.log(a);\n',
  ],
  [
    "lint/style/noRestrictedImports",
    "order-svc/src/domain/n.ts",
    'import { join } from "node:path";\nconsole.log(join);\n',
  ],
  [
    "lint/style/noRestrictedImports",
    "order-svc/src/domain/o.ts",
    'import { a } from "@quartet/chassis/storage/database";\nconsole.log(a);\n',
  ],
  [
    "lint/style/noRestrictedImports",
    "user-svc/src/app/p.ts",
    'import { a } from "../storage/a.ts";\nconsole.log(a);\n',
  ],
  ["lint/style/noRestrictedImports", "user-svc/src/app/q.ts", 'import { a } from "jose";\nconsole.log(a);\n'],
];

/** Files that keep every rule, and what the ones above import. */
const accepted: Readonly<Record<string, string>> = {
  "chassis/src/d.ts": 'import { c } from "./c.ts";\n\nexport const d = () => c;\n',
  "chassis/src/k.ts": "export const i = 1;\n",
  "order-svc/src/config.ts": "export const port = process.env.PORT;\n",
  "order-svc/src/domain/r.ts":
    'import { DomainError } from "@quartet/chassis/domain-error";\nimport { s } from "./s.ts";\n\nexport const r = [DomainError, s];\n',
  "order-svc/src/domain/s.ts": "export const s = 1;\n",
  "order-svc/src/app/t.ts":
    'import type { A } from "@quartet/chassis/storage/database";\nimport { s } from "../domain/s.ts";\n\nexport const t = (a: A) => [a, s];\n',
};

describe("biome.json", () => {
  let folder: string;
  let found: readonly (readonly [rule: string, path: string])[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "biome-"));
    copyFileSync(join(root, "biome.json"), join(folder, "biome.json"));
    for (const [path, text] of [
      ...refused.map(([, path, text]) => [path, text] as const),
      ...Object.entries(accepted),
    ]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    found = lint(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [rule, path] of refused) {
    it(`refuses ${path} by ${rule}`, () => {
      const here = found.filter(([, where]) => where === path).map(([name]) => name);
      assert.ok(here.includes(rule), `found there: ${here.join() || "nothing"}`);
    });
  }

  it("lets pass what keeps the rules", () => {
    // d.ts is the other half of the cycle.
    const wrong = found.filter(([, path]) => path in accepted && path !== "chassis/src/d.ts");
    assert.deepEqual(wrong, []);
  });
});

function lint(folder: string): [rule: string, path: string][] {
  const args = [biome, "lint", "--vcs-enabled=false", "--reporter=json", "--max-diagnostics=none", "."];
  let output: string;
  try {
    output = execFileSync(process.execPath, args, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(output) as { diagnostics: { category: string; location: { path: unknown } }[] };
  return diagnostics.map(({ category, location: { path } }) => [
    category,
    typeof path === "string" ? path : String((path as { file?: string } | undefined)?.file),
  ]);
}
