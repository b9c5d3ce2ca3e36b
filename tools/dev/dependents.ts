import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { type ServiceName, serviceNames } from "../stack/stack-config.ts";

/** Imports that are left at run time, `import()` and `import.meta.resolve()`. The formatter writes double quotes. */
const reference =
  /^(?:import|export)\s+(?!type\s)(?:[^;"'`]*?\sfrom\s+)?"([^"]+)"|\b(?:import|import\.meta\.resolve)\(\s*"([^"]+)"/gm;

/** Tells which services a file is part of when they run. */
export interface Dependents {
  /** The services that would run other code or migrations after these paths changed, in the order they are shown. */
  of(paths: readonly string[]): ServiceName[];
}

/** Follows the imports of every service's main.ts, now and again at every question. */
export function createDependents(rootDir: string): Dependents {
  let filesOf = readAll();

  function readAll(): Map<ServiceName, Set<string>> {
    const known = new Map<string, readonly string[]>();
    return new Map(serviceNames.map((service) => [service, reachable(rootDir, `${service}/src/main.ts`, known)]));
  }

  return {
    of(paths) {
      // A removed file is part of what was, a new one of what is.
      const before = filesOf;
      filesOf = readAll();
      return serviceNames.filter((service) =>
        paths.some((path) => {
          if (path.startsWith("chassis/migrations/") || path.startsWith(`${service}/migrations/`)) return true;
          return before.get(service)?.has(path) || filesOf.get(service)?.has(path);
        }),
      );
    },
  };
}

function reachable(rootDir: string, entry: string, known: Map<string, readonly string[]>): Set<string> {
  const found = new Set([entry]);
  for (const path of found) {
    let imports = known.get(path);
    if (imports === undefined) {
      imports = path.endsWith(".ts") ? importsOf(rootDir, path) : [];
      known.set(path, imports);
    }
    for (const next of imports) found.add(next);
  }
  return found;
}

function importsOf(rootDir: string, path: string): string[] {
  let text: string;
  try {
    text = readFileSync(join(rootDir, path), "utf8");
  } catch {
    return [];
  }
  return [...text.matchAll(reference)].flatMap(([, statement, expression]) => {
    const specifier = statement ?? expression ?? "";
    if (specifier.startsWith(".")) return posix.join(posix.dirname(path), specifier);
    if (specifier.startsWith("@quartet/chassis/"))
      return specifier.replace("@quartet/chassis/", "chassis/src/").concat(".ts");
    if (specifier === "@quartet/proto/contract.binpb") return "proto/gen/contract.binpb";
    if (specifier.startsWith("@quartet/proto/"))
      return specifier.replace("@quartet/proto/", "proto/gen/").concat(".ts");
    return [];
  });
}
