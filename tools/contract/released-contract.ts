import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { contractOf } from "./contract-image.ts";
import { buildContract } from "./generate-contract.ts";
import { requireBuf, runBuf } from "./run-buf.ts";
import { type Surface, surfaceOf, surfaceProblems } from "./surface.ts";

interface Release extends Surface {
  /** Version of @quartet/proto that was released. */
  readonly version: string;
}

const imagePath = join("proto", "released", "contract.binpb");
const surfacePath = join("proto", "released", "surface.json");
const lineWidthMax = 120;
// buf's exit code for "ran, and found something".
const bufFoundProblems = 100;

/**
 * Says what the contract below `root` removes or changes of the released one: everything buf's FILE category compares,
 * and REST bindings, policies, events, consumers and sensitive fields. Additions pass. Rejects when there is no release
 * or the contract does not build.
 */
export async function breakingProblems(root: string): Promise<readonly string[]> {
  const released = await readRelease(root);
  if (released === undefined) throw new Error("proto/released is empty: node tools/contract/release.ts fills it");
  const current = surfaceOf(contractOf(await buildContract(root)));
  const breaking = await runBuf(["breaking", "proto", "--against", imagePath, "--exclude-imports"], root);
  if (breaking.code !== 0 && breaking.code !== bufFoundProblems) throw new Error(breaking.stderr.trim());
  return [...breaking.stdout.split("\n").filter((line) => line !== ""), ...surfaceProblems(released, current)];
}

/**
 * Makes the contract below `root` the released one and returns its version. Rejects when the contract differs from the
 * last release but proto/package.json still has its version, or when proto/CHANGELOG.md has no section for the version.
 */
export async function releaseContract(root: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, "proto", "package.json"), "utf8")) as { version: string };
  const changelog = await readFile(join(root, "proto", "CHANGELOG.md"), "utf8");
  if (!changelog.split("\n").some((line) => line.startsWith(`## ${manifest.version}`))) {
    throw new Error(`proto/CHANGELOG.md has no section "## ${manifest.version}": say there what changed, then release`);
  }
  const surface = surfaceOf(contractOf(await buildContract(root)));
  const scratch = await mkdtemp(join(root, ".build", "release-"));
  try {
    const draft = join(scratch, "contract.binpb");
    await requireBuf(["build", "proto", "--exclude-source-info", "-o", draft], root);
    const image = await readFile(draft);
    const last = await readRelease(root);
    if (last?.version === manifest.version) {
      const { version: _, ...lastSurface } = last;
      const isSame = image.equals(await readFile(join(root, imagePath))) && isDeepStrictEqual(lastSurface, surface);
      if (!isSame) throw new Error(`${manifest.version} is released already: give proto/package.json a new version`);
    }
    const surfaceDraft = join(scratch, "surface.json");
    await writeFile(surfaceDraft, printJson({ version: manifest.version, ...surface }));
    await mkdir(join(root, "proto", "released"), { recursive: true });
    await rename(draft, join(root, imagePath));
    await rename(surfaceDraft, join(root, surfacePath));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return manifest.version;
}

async function readRelease(root: string): Promise<Release | undefined> {
  const text = await readFile(join(root, surfacePath), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as Release);
}

// As the formatter wants it: a list of strings stands on one line where it fits.
function printJson(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  const lists = /^( *"[^"]*": )\[\n((?: *"[^"]*",?\n)+) *\](,?)$/gm;
  const collapsed = text.replaceAll(lists, (whole, key: string, items: string, comma: string) => {
    const line = `${key}[${items.trim().replaceAll(/\n */g, " ")}]${comma}`;
    return line.length <= lineWidthMax ? line : whole;
  });
  return `${collapsed}\n`;
}
