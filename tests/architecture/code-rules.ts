import { importsIn } from "./imports.ts";
import {
  codeOnly,
  isTest,
  packages,
  placesOf,
  type Rule,
  type SourceTree,
  services,
  typescript,
} from "./source-tree.ts";

const linesMax = 300;
const excusedAny = /\/\/ biome-ignore lint\/suspicious\/noExplicitAny: \w[^\n]*\n[^\n]*/g;
const homes = ["work", "root", "tmp", "Users", "home"];
// Spelled apart, so that this file keeps its own rules.
const later = ["TO DO", "FIX ME", "XX X"].map((word) => word.replace(" ", ""));

const codeIn = (tree: SourceTree, folders: readonly string[], isWanted: (path: string) => boolean = () => true) =>
  typescript(tree, ...folders)
    .filter(([path]) => isWanted(path))
    .map(([path, text]) => [path, codeOnly(text)] as const);

const businessWords = new Set(["payment", "product", "stock", "cart", "invoice"]);
const identifier = /[A-Za-z][A-Za-z0-9_-]*/g;

/** Whether a name or word speaks of the business. "order" alone may be a sequence; in a longer name it is an order. */
function isBusinessWord(name: string): boolean {
  const words = (name.match(/[A-Z]?[a-z]+|[A-Z]+/g) ?? []).map((word) => word.toLowerCase().replace(/s$/, ""));
  if (words.some((word) => businessWords.has(word))) return true;
  return /^orders$/i.test(name) || (words.length > 1 && words.includes("order") && name !== "orderBy");
}

/** What source text may hold. */
export const codeRules: readonly Rule[] = [
  {
    sentence: "the environment is read in config.ts of each service, in tools and in tests only",
    violations: (tree) =>
      placesOf(
        codeIn(tree, packages, (path) => !isTest(path) && !/-svc\/src\/config\.ts$/.test(path)),
        /\bprocess\s*(\.\s*env\b|\[)|\benv\b[^;\n]*\bfrom\b[^;\n]*node:process|\{[^}\n]*\benv\b[^}\n]*\}\s*=\s*process\b/g,
      ),
    refused: [
      { "order-svc/src/app/place.ts": "const port = process.env.PORT;" },
      { "chassis/src/log.ts": "const { env } = process;" },
      { "chassis/src/log.ts": `const level = process["env"].LEVEL;` },
    ],
    accepted: {
      "order-svc/src/config.ts": "const port = process.env.PORT;",
      "order-svc/src/log.ts": "// never process.env\nconst text = `process.env`;\nprocess.exit(1);",
      "tools/up.ts": "const port = process.env.PORT;",
    },
  },
  {
    sentence: "domain/ and app/ take time, ids and chance as arguments",
    violations: (tree) =>
      placesOf(
        codeIn(
          tree,
          services.flatMap((service) => [`${service}/src/domain`, `${service}/src/app`]),
          (path) => !isTest(path),
        ),
        /\b(Date\.now|performance\.now|randomUUID|randomBytes|randomInt|getRandomValues|Math\.random)\b|\bnew Date\(\s*\)|\bset(Timeout|Interval|Immediate)\(/g,
      ),
    refused: [
      { "order-svc/src/domain/order.ts": "const now = Date.now();" },
      { "order-svc/src/app/place.ts": "const id = randomUUID();" },
      { "user-svc/src/app/log-in.ts": "const luck = Math.random();" },
      { "user-svc/src/app/log-in.ts": "const today = new Date();" },
    ],
    accepted: {
      "order-svc/src/domain/order.ts": "// Date.now() is not for here\nconst day = new Date(time);",
      "order-svc/src/app/place.test.ts": "const now = Date.now();",
      "order-svc/src/service.ts": "const now = Date.now;",
    },
  },
  {
    sentence: "nothing is exported by default, but for the tools that ask for it",
    violations: (tree) =>
      placesOf(
        codeIn(tree, [], (path) => !path.endsWith("/drizzle.config.ts")),
        /^export\s+default\b|\bas default\b/gm,
      ),
    refused: [{ "a.ts": "export default 1;" }, { "a.ts": "const a = 1;\nexport { a as default };" }],
    accepted: { "a.ts": "export const a = 1;", "chassis/drizzle.config.ts": "export default {};" },
  },
  {
    sentence: "there are no enums, no namespaces and no parameter properties: Node runs the sources as they are",
    violations: (tree) =>
      placesOf(
        codeIn(tree, []),
        /^\s*(export\s+)?(const\s+)?enum\s+\w+|^\s*(export\s+)?namespace\s+\w+|constructor\(\s*(public|private|protected|readonly)\s/gm,
      ),
    refused: [{ "a.ts": "export enum A { B }" }, { "a.ts": "class A {\n  constructor(private b: string) {}\n}" }],
    accepted: { "a.ts": "// enum A\nconst enumeration = 1;" },
  },
  {
    sentence: "nothing has the type any, but for foreign data in tests, with a reason",
    violations: (tree) =>
      placesOf(
        typescript(tree).map(([path, text]) => [path, codeOnly(isTest(path) ? text.replace(excusedAny, "") : text)]),
        /(?<!\{[^}\n]*)(:\s*any\b(?!\s*\})|<an[y]\b|\bas any\b|\bany\[\])/g,
      ),
    refused: [
      { "a.ts": "const a: any = 1;" },
      { "a.ts": "const a = b as any;" },
      { "a.ts": "function a(b: Record<string, string>, c: any[]): void {}" },
    ],
    accepted: { "a.ts": "// any open one: any\nconst { details: any } = status;\nconst a: unknown = Promise.any([]);" },
  },
  {
    sentence: "there are no index files, no catch-all folders and files are named in kebab-case",
    violations: (tree) =>
      typescript(tree)
        .map(([path]) => path)
        .filter((path) => {
          const folders = path.split("/").slice(0, -1);
          return (
            folders.some((folder) => /^(utils?|helpers?|common|shared|lib|misc|types)$/.test(folder)) ||
            !/(^|\/)[a-z0-9]+([.-][a-z0-9]+)*\.ts$/.test(path) ||
            /(^|\/)(index|utils?|helpers?|common|types|misc)(\.test)?\.ts$/.test(path)
          );
        }),
    refused: [
      { "order-svc/src/index.ts": "" },
      { "order-svc/src/utils/money.ts": "" },
      { "order-svc/src/app/helpers.ts": "" },
      { "order-svc/src/app/placeOrder.ts": "" },
    ],
    accepted: { "order-svc/src/app/place-order.test.ts": "", "chassis/src/common-config.ts": "" },
  },
  {
    sentence: "a relative import names a file that exists, with its ending",
    violations: (tree) =>
      importsIn(tree, ["tests", "tools", "bench", ...packages], { tests: true })
        .filter(({ specifier }) => specifier.startsWith("."))
        .filter(({ target, specifier }) => !specifier.endsWith(".ts") || !tree.has(target))
        .filter(({ specifier }) => !/\.json$|\/package\.json$/.test(specifier))
        .map(({ path, line, specifier }) => `${path}:${line}: imports ${specifier}`),
    refused: [
      { "tools/a.ts": `import { b } from "./b";`, "tools/b.ts": "" },
      { "tools/a.ts": `import { b } from "./b.js";` },
      { "tools/a.ts": `export { b } from "./b.ts";` },
    ],
    accepted: { "tools/a.ts": `import { b } from "./b.ts";`, "tools/b.ts": "" },
  },
  {
    sentence: "the chassis has no word of the business in it",
    violations: (tree) =>
      [...tree]
        .filter(([path]) => /^chassis\/.*\.(ts|sql|json|md)$/.test(path) && !path.endsWith(".test.ts"))
        .flatMap(([path, text]) => placesOf([[path, text.replace(/["']@quartet\/proto[^"']*["']/g, "")]], identifier))
        .filter((place) => isBusinessWord(place.slice(place.lastIndexOf(" ") + 1))),
    refused: [
      { "chassis/src/a.ts": "const orderId = 1;" },
      { "chassis/src/a.ts": "// as for the orders of a customer" },
      { "chassis/src/a.ts": "export const PAYMENT_MAX = 1;" },
      { "chassis/migrations/1.sql": "CREATE TABLE products(id);" },
    ],
    accepted: {
      "chassis/src/a.ts": "// in order: SELECT * FROM things ORDER BY id\nproduced.orderBy(reproduction);",
      "order-svc/src/a.ts": "const orderId = 1;",
    },
  },
  {
    sentence: `a file written by hand has at most ${linesMax} lines, tests aside`,
    violations: (tree) =>
      typescript(tree)
        .filter(([path]) => !isTest(path))
        .map(([path, text]) => [path, text.trimEnd().split("\n").length] as const)
        .filter(([, lines]) => lines > linesMax)
        .map(([path, lines]) => `${path}: ${lines} lines`),
    refused: [{ "tools/a.ts": "a();\n".repeat(linesMax + 1) }],
    accepted: { "tools/a.ts": "a();\n".repeat(linesMax), "tools/a.test.ts": "a();\n".repeat(linesMax + 1) },
  },
  {
    sentence: "nothing is left to be done later in a comment",
    violations: (tree) =>
      placesOf(
        [...tree].filter(([path]) => !path.endsWith(".md")),
        new RegExp(`\\b(${later.join("|")})\\b`, "g"),
      ),
    refused: later.map((word) => ({ "a.ts": `// ${word}: mend it` })),
    accepted: { "a.ts": "// Done." },
  },
  {
    sentence: "no file names a place on someone's machine",
    violations: (tree) => placesOf(tree, new RegExp(`(?<![\\w.$}*/-])/(${homes.join("|")})/\\w[^\\s"'\`)]*`, "g")),
    refused: [
      { "a.ts": `const tool = "${["", "work", "main"].join("/")}";` },
      { Makefile: `NODE := ${["", "home", "ada", "node"].join("/")}` },
      { "README.md": `see ${["", "tmp", "notes.md"].join("/")}` },
    ],
    accepted: {
      "a.ts": "const a = `$".concat("{root}/work/a`;"),
      "b.ts": 'import "../tmp/x.ts";',
      Dockerfile: "WORKDIR /app",
    },
  },
  {
    sentence: "tests are all run: none is skipped for good or alone",
    violations: (tree) =>
      placesOf(
        codeIn(tree, []).filter(([path]) => path.endsWith(".test.ts")),
        /\b(it|describe)\.(only|skip)\(|\bx(it|describe)\(/g,
      ),
    refused: [{ "a.test.ts": `it.only("a", () => {});` }, { "a.test.ts": `describe.skip("a", () => {});` }],
    accepted: { "a.test.ts": `it("is .only(", function () {\n  if (!engine) this.skip();\n});` },
  },
];
