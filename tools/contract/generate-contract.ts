import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "./print-proto.ts";
import { requireBuf } from "./run-buf.ts";

const require = createRequire(import.meta.url);

/** The public contracts that ours import, or that clients need to read our errors. google/protobuf is part of buf. */
const googleFiles = [
  "google/api/annotations.proto",
  "google/api/http.proto",
  "google/rpc/error_details.proto",
  "google/rpc/status.proto",
];

const generators = ["@bufbuild/buf", "@bufbuild/protoc-gen-es"];

/**
 * Makes from proto/, in `root`: .build/third-party (the public contracts ours import, from npm packages), proto/gen (TypeScript)
 * and proto/gen/contract.binpb (a FileDescriptorSet of everything). Needs no network. Does nothing when neither inputs
 * nor outputs changed since the last run. Files are replaced one by one and only where they differ, so that programs
 * that read them meanwhile, and a second run at the same time, always find complete ones.
 */
export async function generateContract(options: {
  readonly root: URL | string;
  readonly report: (line: string) => void;
}): Promise<void> {
  const root = typeof options.root === "string" ? options.root : fileURLToPath(options.root);
  const build = join(root, ".build");
  const generated = join(root, "proto", "gen");
  const thirdParty = join(build, "third-party");
  const stampFile = join(build, "contract.stamp");

  const publicContracts = await thirdPartyFiles();
  const inputs = await hashInputs(root, publicContracts);
  const stamp = await readFile(stampFile, "utf8").catch(() => "");
  if (stamp !== "" && stamp === stampOf(inputs, await hashFolders([generated, thirdParty]))) {
    options.report("contract: proto/gen is up to date");
    return;
  }

  await mkdir(build, { recursive: true });
  const scratch = await mkdtemp(join(build, "generate-"));
  try {
    await replaceFolder(thirdParty, publicContracts, scratch);
    options.report(`contract: .build/third-party has ${publicContracts.size} public contracts`);
    const output = join(scratch, "output");
    await requireBuf(["generate", "-o", output], root);
    await buildImage(root, join(output, "proto", "gen", "contract.binpb"));
    const files = await readFolder(join(output, "proto", "gen"));
    await replaceFolder(generated, files, scratch);
    options.report(`contract: proto/gen has ${files.size - 1} TypeScript files and contract.binpb`);
    await replaceFile(stampFile, stampOf(inputs, await hashFolders([generated, thirdParty])), scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * The contract below `root` as a FileDescriptorSet with imports, built from the files as they are now. Makes
 * .build/third-party when it is missing or old, and nothing else. Rejects with buf's words when it does not build.
 */
export async function buildContract(root: string): Promise<Uint8Array> {
  const build = join(root, ".build");
  await mkdir(build, { recursive: true });
  const scratch = await mkdtemp(join(build, "image-"));
  try {
    await replaceFolder(join(build, "third-party"), await thirdPartyFiles(), scratch);
    return await buildImage(root, join(scratch, "contract.binpb"));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function buildImage(root: string, file: string): Promise<Uint8Array> {
  await requireBuf(["build", "--as-file-descriptor-set", "--exclude-source-info", "-o", file], root);
  return readFile(file);
}

async function thirdPartyFiles(): Promise<Map<string, Uint8Array>> {
  const googleRoot = dirname(require.resolve("google-proto-files/package.json"));
  const files = new Map<string, Uint8Array>();
  for (const path of googleFiles) files.set(path, await readFile(join(googleRoot, path)));
  files.set("buf/validate/validate.proto", Buffer.from(printProto(file_buf_validate_validate.proto)));
  return files;
}

async function hashInputs(root: string, publicContracts: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for (const name of generators)
    hash.update(`${name} ${(require(`${name}/package.json`) as { version: string }).version}\n`);
  hash.update(await readFile(new URL(import.meta.url)));
  for (const [path, content] of publicContracts) hash.update(`${path}\0`).update(content);
  for (const name of ["buf.yaml", "buf.gen.yaml"]) hash.update(await readFile(join(root, name)));
  for (const [path, content] of await readFolder(join(root, "proto", "shop"))) hash.update(`${path}\0`).update(content);
  return hash.digest("hex");
}

async function hashFolders(folders: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of folders) {
    for (const [path, content] of await readFolder(folder)) hash.update(`${path}\0`).update(content);
  }
  return hash.digest("hex");
}

function stampOf(inputs: string, outputs: string): string {
  return `${inputs} ${outputs}\n`;
}

/** All files below a folder by their path with slashes, sorted; empty when there is no folder. */
async function readFolder(folder: string): Promise<Map<string, Uint8Array>> {
  if (!existsSync(folder)) return new Map();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = new Map<string, Uint8Array>();
  for (const path of paths.sort()) {
    const content = await readFile(path).catch(() => undefined);
    if (content !== undefined) files.set(relative(folder, path).replaceAll(sep, "/"), content);
  }
  return files;
}

async function replaceFolder(folder: string, files: Map<string, Uint8Array>, scratch: string): Promise<void> {
  const present = await readFolder(folder);
  for (const [path, content] of files) {
    const old = present.get(path);
    if (old === undefined || Buffer.compare(old, content) !== 0)
      await replaceFile(join(folder, path), content, scratch);
  }
  for (const path of present.keys()) if (!files.has(path)) await rm(join(folder, path), { force: true });
}

async function replaceFile(path: string, content: Uint8Array | string, scratch: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = join(scratch, "draft");
  await writeFile(draft, content);
  await rename(draft, path);
}
