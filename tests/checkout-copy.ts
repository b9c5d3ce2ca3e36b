import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { serviceNames } from "../tools/stack/stack-config.ts";

const copied = [
  ...["chassis", ...serviceNames, "proto", "envoy", "tools", ".build"],
  ...[
    "Makefile",
    "package.json",
    "package-lock.json",
    "buf.yaml",
    "buf.gen.yaml",
    "tsconfig.base.json",
    "tsconfig.json",
  ],
];
const left = new Set(["node_modules", "dist", ".data", "compile-cache"]);

/**
 * Copies a checkout that has been generated to a folder of its own, where a test may edit it: everything of ours is a copy,
 * packages and fetched programs are the same ones. Returns the folder.
 */
export function copyCheckout(rootDir: string): string {
  const folder = mkdtempSync(join(tmpdir(), "quartet-checkout-"));
  for (const name of copied) {
    cpSync(join(rootDir, name), join(folder, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => !left.has(basename(path)),
    });
  }
  symlinkSync(join(rootDir, ".tools"), join(folder, ".tools"));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@quartet"), { recursive: true });
  for (const name of readdirSync(join(rootDir, "node_modules"))) {
    if (name !== "@quartet") symlinkSync(join(rootDir, "node_modules", name), join(modules, name));
  }
  for (const name of ["chassis", "proto"]) symlinkSync(join(folder, name), join(modules, "@quartet", name));
  return folder;
}
