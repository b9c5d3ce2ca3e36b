import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** A server of the pages in `pages/`, on an origin of its own. */
export interface PageServer {
  readonly origin: string;
  close(): Promise<void>;
}

const rootDir = join(import.meta.dirname, "..", "..");
const generatedDir = join(rootDir, "proto", "gen");
const packages = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"];

/**
 * Starts it on a free loopback port. Modules are served as they are in the checkout, without a bundler: TypeScript without
 * its types, and packages by an import map.
 */
export async function startPageServer(): Promise<PageServer> {
  const folders = new Map([
    ["pages", join(import.meta.dirname, "pages")],
    ["proto", generatedDir],
    ...packages.map((name) => [name, packageDir(name)] as const),
  ]);
  const index = (await readFile(join(import.meta.dirname, "pages", "index.html"), "utf8")).replace(
    '{ "imports": {} }',
    JSON.stringify({ imports: importMap() }),
  );

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const send = (status: number, type: string, body: string) =>
      response.writeHead(status, { "content-type": `${type}; charset=utf-8` }).end(body);
    if (pathname === "/") return void send(200, "text/html", index);
    const [folder, dir] = [...folders].find(([name]) => pathname.startsWith(`/${name}/`)) ?? [];
    if (folder === undefined || dir === undefined) return void send(404, "text/plain", "not here");
    // The URL has no dots that lead up any more.
    readFile(join(dir, pathname.slice(folder.length + 2)), "utf8").then(
      (code) => send(200, "text/javascript", pathname.endsWith(".ts") ? stripTypeScriptTypes(code) : code),
      () => send(404, "text/plain", "not here"),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Where each module that the pages import by name is. */
function importMap(): Record<string, string> {
  const map: Record<string, string> = {};
  for (const name of packages) {
    const manifest = JSON.parse(readFileSync(join(packageDir(name), "package.json"), "utf8"));
    const entries = Object.entries(manifest.exports as Record<string, { import: string }>);
    for (const [key, target] of entries) map[join(name, key)] = `/${join(name, target.import)}`;
  }
  for (const file of readdirSync(generatedDir, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".ts")) map[`@quartet/proto/${file.replace(/\.ts$/, "")}`] = `/proto/${file}`;
  }
  return map;
}

function packageDir(name: string): string {
  return join(rootDir, "node_modules", name);
}
