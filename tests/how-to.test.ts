import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { planService } from "../tools/new-service/create-service.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const guide = read("docs/how-to.md");
const snippets = [...guide.matchAll(/^ *```\w+\n([\s\S]*?)^ *```$/gm)].map(([, text = ""]) => text);
const prose = guide.replace(/^ *```[\s\S]*?^ *```$/gm, "");
const quoted = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text);

/** Files that the recipes add to what is there. */
const added = new Set([
  "review-svc/migrations/0001_rating.sql",
  "review-svc/src/app/reassign-review.ts",
  "user-svc/src/events/consume.ts",
  "user-svc/src/storage/deleted-review-store.ts",
  "user-svc/src/storage/deleted-review-store.test.ts",
]);

describe("docs/how-to.md", () => {
  const files = filesOfReviews();
  const isMade = (path: string) => [...files.keys()].some((file) => file === path || file.startsWith(`${path}/`));

  it("links to pages and headings that exist", () => {
    const links = [...guide.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
    assert.ok(links.length > 8);
    for (const link of links) {
      const [page, heading] = link.split("#");
      const text = page === "" ? guide : read(join("docs", page ?? ""));
      const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
        title
          .toLowerCase()
          .replace(/[^\w -]/g, "")
          .replaceAll(" ", "-"),
      );
      if (heading !== undefined) assert.ok(anchors.includes(heading), link);
    }
  });

  it("names files that are there, that a new service has or that a recipe adds", () => {
    const paths = quoted.map((text) => text.replace(/^node /, "")).filter((text) => /^[\w.-]+\/[\w./-]*$/.test(text));
    assert.ok(paths.length > 30);
    for (const path of paths) {
      const bare = path.replace(/\/$/, "");
      const isThere = existsSync(join(root, bare)) || isMade(bare) || isMade(`review-svc/src/${bare}`);
      assert.ok(isThere || added.has(bare) || bare === ".build/migrations", path);
    }
  });

  it("names targets of make and scripts of a service that exist", () => {
    const makefile = read("Makefile");
    const targets = [...quoted.join("\n").matchAll(/\bmake ([a-z][a-z-]*)/g)].map(([, target = ""]) => target);
    assert.ok(targets.length > 8);
    for (const target of targets) assert.match(makefile, new RegExp(`^${target}:`, "m"), target);
    const { scripts } = JSON.parse(files.get("review-svc/package.json") ?? "{}") as { scripts: object };
    for (const [, script = ""] of guide.matchAll(/npm (?:run )?([\w-]+) --workspace/g)) {
      assert.ok(script in scripts, script);
    }
  });

  it("uses names that the services, the access tests or its own snippets have", () => {
    const folders = ["user-svc/src", "product-svc/src", "chassis/src", "tests/access"];
    const sources = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts"))
        .map((path) => read(join(folder, path))),
    );
    const known = new Set([...files.values(), ...sources, ...snippets].join("\n").match(/\w+/g));
    const names = quoted.filter((text) => /^[a-z]+[A-Z]\w*$|^[A-Z][a-z]\w*$/.test(text));
    assert.ok(names.length > 8);
    for (const name of names) assert.ok(known.has(name), name);
  });
});

/** The files of the service of the recipes: those it has, where somebody has made it, or else those it would get. */
function filesOfReviews(): ReadonlyMap<string, string> {
  if (!existsSync(join(root, "review-svc"))) return planService({ root, name: "review" }).files;
  const folders = ["review-svc", "proto/shop/review"];
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  return new Map(paths.filter((path) => /\.\w+$/.test(path)).map((path) => [path, read(path)]));
}
