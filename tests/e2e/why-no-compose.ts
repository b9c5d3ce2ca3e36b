import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const rootDir = join(import.meta.dirname, "..", "..");
const answerTimeMaxMs = 30_000;

/**
 * Why compose.yaml cannot be tried here; undefined when it can. An engine alone is not enough: a machine that reaches no
 * image registry has to have the published images already.
 */
export function whyNoCompose(
  docker = (...args: string[]) => spawnSync("docker", args, { stdio: "ignore", timeout: answerTimeMaxMs }).status === 0,
): string | undefined {
  if (!docker("compose", "version") || !docker("info"))
    return "no Docker engine with compose answers here, so compose.yaml is not tried";
  const missing = publishedImages().filter(
    (image) => !docker("image", "inspect", image) && !docker("manifest", "inspect", image),
  );
  if (missing.length > 0)
    return `${missing.join(", ")} can neither be found nor fetched here, so compose.yaml is not tried`;
  return undefined;
}

/** The images that compose.yaml and the Dockerfiles take from a registry. */
function publishedImages(): string[] {
  const compose = readFileSync(join(rootDir, "compose.yaml"), "utf8");
  const images = [...compose.matchAll(/^ +image: (\S+)$/gm)].map(([, image = ""]) => image);
  for (const file of globSync("*/Dockerfile", { cwd: rootDir })) {
    const froms = [...readFileSync(join(rootDir, file), "utf8").matchAll(/^FROM (\S+)(?: AS (\S+))?$/gm)];
    const stages = froms.map(([, , stage]) => stage);
    images.push(...froms.map(([, from = ""]) => from).filter((from) => from !== "scratch" && !stages.includes(from)));
  }
  return [...new Set(images)];
}
