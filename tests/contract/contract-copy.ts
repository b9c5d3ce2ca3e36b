import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../", import.meta.url));

/** A copy of the contract in a folder of its own, to be edited by a test. */
export interface ContractCopy {
  readonly root: string;
  read(path: string): Promise<string>;
  /**
   * Replaces one text of a file, which must be there exactly once, unless `every` is set, or `after` names a place that is
   * there once: then the first such text behind it is replaced.
   */
  edit(path: string, from: string, to: string, options?: { every?: boolean; after?: string }): Promise<void>;
  /** Writes a whole file, new ones included. */
  write(path: string, text: string): Promise<void>;
  /** Takes all edits back. */
  restore(): Promise<void>;
  remove(): Promise<void>;
}

/** Copies proto/ and buf's configuration as they are now, without anything generated. */
export async function copyContract(): Promise<ContractCopy> {
  const root = await mkdtemp(join(await realpath(tmpdir()), "contract-"));
  const parts = ["buf.yaml", "buf.gen.yaml", "proto/shop", "proto/package.json", "proto/CHANGELOG.md"];
  for (const part of parts) await cp(join(repository, part), join(root, part), { recursive: true });
  const originals = new Map<string, string | undefined>();
  const write = async (path: string, text: string) => {
    const file = join(root, path);
    if (!originals.has(file)) originals.set(file, await readFile(file, "utf8").catch(() => undefined));
    await writeFile(file, text);
  };
  return {
    root,
    write,
    read: (path) => readFile(join(root, path), "utf8"),
    async edit(path, from, to, { every = false, after } = {}) {
      const text = await readFile(join(root, path), "utf8");
      if (after !== undefined) {
        const [before, behind = "", more] = text.split(after);
        assert.ok(behind.includes(from) && more === undefined, `${path} has not once: ${after}, and then: ${from}`);
        await write(path, `${before}${after}${behind.replace(from, () => to)}`);
        return;
      }
      const parts = text.split(from);
      assert.ok(every ? parts.length > 1 : parts.length === 2, `${path} has ${parts.length - 1} times: ${from}`);
      await write(path, parts.join(to));
    },
    async restore() {
      for (const [file, text] of originals) {
        if (text === undefined) await rm(file, { force: true });
        else await writeFile(file, text);
      }
      originals.clear();
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
