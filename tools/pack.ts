import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { generateContract } from "./contract/generate-contract.ts";

const run = promisify(execFile);
const outputMaxBytes = 10 * 1024 * 1024;
const linesMax = 40;

// The second takes its types from the dist/ of the first.
const libraries = ["proto", "chassis"];

/**
 * Packs the two libraries below `root` into tarballs in `destination`, an existing folder, as they would be published:
 * JavaScript with declarations, no sources. Resolves with the file name of each by package name. Needs no network.
 * Rejects with the compiler's words when a library does not compile.
 */
export async function packLibraries(root: string, destination: string): Promise<ReadonlyMap<string, string>> {
  await generateContract({ root, report: () => {} });
  const tarballs = new Map<string, string>();
  try {
    for (const library of libraries) {
      const args = ["pack", "--json", "--pack-destination", destination];
      const { stdout } = await run("npm", args, { cwd: join(root, library), maxBuffer: outputMaxBytes }).catch(
        (error: { stdout?: string; stderr?: string }) => {
          const output = `${error.stdout ?? ""}${error.stderr ?? ""}`;
          throw new Error(`npm pack of ${library} failed:\n${compilerWords(output)}`);
        },
      );
      // npm prints what the scripts say in front of its own answer.
      const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as Packed[] | Record<string, Packed>;
      for (const { name, filename } of Object.values(answer)) tarballs.set(name, filename);
    }
  } finally {
    // A compiled copy that stays would go stale, and be found by whoever forgets the condition `source`.
    for (const library of libraries) await rm(join(root, library, "dist"), { recursive: true, force: true });
  }
  return tarballs;
}

// npm says a lot about a script that failed, also as JSON; what the script said is what helps.
function compilerWords(output: string): string {
  const lines = output.split("\n").filter((line) => line !== "" && !/^(npm |> |[ {}])/.test(line));
  return lines.slice(0, linesMax).join("\n");
}

interface Packed {
  readonly name: string;
  readonly filename: string;
}
