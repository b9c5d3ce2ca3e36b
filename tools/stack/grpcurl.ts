import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { findOnPath, run } from "./commands.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const version = "v1.9.3";

/** Finds grpcurl on PATH or fetched before; undefined when there is none. */
export function findGrpcurl(env: Environment, rootDir: string): string | undefined {
  const fetched = join(rootDir, ".tools", "bin", "grpcurl");
  return findOnPath("grpcurl", env) ?? (existsSync(fetched) ? fetched : undefined);
}

/**
 * Finds grpcurl or, where there is Go, builds it into .tools/bin, which takes a minute or more. Undefined when neither
 * works: the tests that call it are skipped then.
 */
export async function provideGrpcurl(
  env: Environment,
  rootDir: string,
  report: (line: string) => void,
): Promise<string | undefined> {
  const found = findGrpcurl(env, rootDir);
  if (found !== undefined) return found;
  const go = findOnPath("go", { PATH: `${env.PATH}:/usr/local/go/bin` });
  if (go === undefined) {
    report("Neither grpcurl nor Go is on PATH, so the tests that call grpcurl are skipped.");
    return undefined;
  }
  report(`Building grpcurl ${version} into .tools/bin`);
  const folder = join(rootDir, ".tools", "bin");
  mkdirSync(folder, { recursive: true });
  const module = `github.com/fullstorydev/grpcurl/cmd/grpcurl@${version}`;
  const code = await run(go, ["install", module], { cwd: folder, env: { ...env, GOBIN: folder } });
  if (code !== 0) report("grpcurl could not be built (see above): the tests that call it are skipped.");
  return findGrpcurl(env, rootDir);
}
