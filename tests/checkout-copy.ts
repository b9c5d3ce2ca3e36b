import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "..");
const notCopied = new Set([".git", ".data", "backups", ".tools", "node_modules", "dist", "compile-cache"]);
const outputMaxBytes = 16 * 1024 * 1024;

/** A copy of the checkout, with what is installed and fetched in the original. */
export interface CheckoutCopy {
  readonly root: string;
  /** Runs a command in it; rejects with all it printed when it fails. */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** How a command failed, and what it printed. */
  fails(command: string, args: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
  remove(): void;
}

/** Copies the checkout as it is now. Packages are linked, but for those of the workspace, which are the copy's own. */
export function copyCheckout(): CheckoutCopy {
  const copy = mkdtempSync(join(realpathSync(tmpdir()), "quartet-checkout-"));
  for (const name of readdirSync(root)) {
    if (notCopied.has(name)) continue;
    const isKept = (path: string) => !notCopied.has(path.slice(path.lastIndexOf("/") + 1));
    cpSync(join(root, name), join(copy, name), { recursive: true, filter: isKept, preserveTimestamps: true });
  }
  symlinkSync(join(root, ".tools"), join(copy, ".tools"));
  linkPackages(join(root, "node_modules"), join(copy, "node_modules"));

  const execute = promisify(execFile);
  const run = async (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const options = { cwd: copy, env: { ...process.env, ...env }, maxBuffer: outputMaxBytes };
    const { stdout, stderr } = await execute(command, args, options).catch((error: Failure) => {
      const failure = new Error(`${command} ${args.join(" ")} failed:\n${error.stdout}${error.stderr}`);
      throw Object.assign(failure, { code: error.code, output: `${error.stdout}${error.stderr}` });
    });
    return `${stdout}${stderr}`;
  };
  return {
    root: copy,
    run,
    fails: (command, args) =>
      run(command, args).then(
        (output) => ({ code: 0, output }),
        ({ code, output }: { code: number; output: string }) => ({ code, output }),
      ),
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
}

interface Failure {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function linkPackages(from: string, to: string): void {
  mkdirSync(join(to, "@quartet"), { recursive: true });
  for (const name of readdirSync(from)) if (name !== "@quartet") symlinkSync(join(from, name), join(to, name));
  for (const name of readdirSync(join(from, "@quartet"))) {
    symlinkSync(readlinkSync(join(from, "@quartet", name)), join(to, "@quartet", name));
  }
}
