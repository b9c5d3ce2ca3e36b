import { posix } from "node:path";
import { isTest, lineOf, type SourceTree, typescript, withoutComments } from "./source-tree.ts";

/** One import or re-export of a file. */
export interface Import {
  readonly path: string;
  readonly line: number;
  /** As it is written. */
  readonly specifier: string;
  /** Path from the root for a relative import, else the specifier. */
  readonly target: string;
  /** Nothing of it is left at run time. */
  readonly isTypeOnly: boolean;
  /** The imported names that are values; empty where none is named. */
  readonly values: readonly string[];
}

const statement = /^(?:import|export)\s+(type\s+)?([^;"'`]*?\sfrom\s+)?"([^"]+)"/gm;
const expression = /(typeof\s+)?\b(?:import|require|require\.resolve)\(\s*"([^"]+)"/g;

/** All imports of a file: statements, re-exports, `import()` and `require()`. */
export function importsOf(path: string, text: string): Import[] {
  // The formatter writes specifiers in double quotes: other strings are text.
  const code = withoutComments(text).replace(/'[^'\n]*'|`(?:\\.|[^`\\])*`/g, (part) => part.replace(/[^\n]/g, " "));
  const make = (offset: number, specifier: string, isTypeOnly: boolean, values: readonly string[]): Import => {
    const target = specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier;
    return { path, line: lineOf(code, offset), specifier, target, isTypeOnly, values };
  };
  const statements = [...code.matchAll(statement)].map((match) => {
    const names = namesIn(match[2] ?? "");
    const values = match[1] === undefined ? names.filter((name) => !name.startsWith("type ")) : [];
    const isTypeOnly = match[1] !== undefined || (names.length > 0 && values.length === 0);
    return make(match.index, match[3] ?? "", isTypeOnly, values);
  });
  const expressions = [...code.matchAll(expression)].map((match) =>
    make(match.index, match[2] ?? "", match[1] !== undefined, []),
  );
  return [...statements, ...expressions];
}

/** All imports of the TypeScript files under some folders, without tests unless they are asked for. */
export function importsIn(tree: SourceTree, folders: readonly string[], options: { tests?: boolean } = {}): Import[] {
  return typescript(tree, ...folders)
    .filter(([path]) => options.tests === true || !isTest(path))
    .flatMap(([path, text]) => importsOf(path, text));
}

/** The package of an import that is neither relative nor part of Node. */
export function packageOf({ specifier }: Import): string | undefined {
  if (specifier.startsWith(".") || specifier.startsWith("node:")) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** An import as a line of a report. */
export function describeImport({ path, line, specifier }: Import): string {
  return `${path}:${line}: imports ${specifier}`;
}

function namesIn(clause: string): string[] {
  return clause
    .replace(/\sfrom\s+$/, "")
    .replace(/[{}]/g, ",")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
