import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const bufPackage = require.resolve("@bufbuild/buf/package.json");
const binaries = join(dirname(bufPackage), "..", "..", ".bin");

export interface BufResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the pinned buf in a folder and resolves with what it said, whatever its exit code. Rejects when it cannot start. */
export function runBuf(args: readonly string[], folder: string): Promise<BufResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(dirname(bufPackage), "bin", "buf"), ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        // The local plugin is a script: it finds itself and this Node here, without npx around us.
        PATH: [binaries, dirname(process.execPath), process.env.PATH ?? ""].join(delimiter),
        BUF_CACHE_DIR: join(folder, ".build", "buf-cache"),
      },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

/** Runs buf like runBuf and rejects with all it said when it fails. */
export async function requireBuf(args: readonly string[], folder: string): Promise<string> {
  const { code, stdout, stderr } = await runBuf(args, folder);
  if (code !== 0) throw new Error(`buf ${args[0]} failed:\n${stdout}${stderr}`.trimEnd());
  return stdout;
}
