import { Code } from "@connectrpc/connect";
import { codeOfKind } from "@quartet/chassis/rpc/error-details";
import { importsOf } from "../architecture/imports.ts";
import { isTest, lineOf, type SourceTree, services, typescript, withoutComments } from "../architecture/source-tree.ts";

/** A place in the sources that makes an error with a reason. */
export interface MadeError {
  /** "chassis" or the name of the service. */
  readonly home: string;
  /** `path:line` */
  readonly place: string;
  readonly path: string;
  readonly reason: string;
  /** gRPC code, as in "NOT_FOUND". */
  readonly code: string;
}

/** What the sources make, and the places whose reason or code cannot be read there. */
export interface MadeErrors {
  readonly errors: readonly MadeError[];
  readonly unreadable: readonly string[];
}

/** The name that gRPC has for a code of Connect. */
function grpcNameOf(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return (Code[code] ?? "").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

const domainError = /new DomainError\(\s*([^,]+?),\s*([^,]+?),/g;
const connectError = /newConnectError\(\{\s*code: ([^,]+?),\s*reason(?:: ([^,]+?))?,/g;
const reasonLiteral = /^"([A-Z][A-Z0-9_]*)"$/;

/** The files that put a given code and reason into an error: what a protocol library refused, and what a DomainError says. */
const translators = ["chassis/src/rpc/interceptors/errors.ts", "chassis/src/rpc/error-details.ts"];

/**
 * Every error that the chassis and the services make. A reason is a literal where the error is made, or the first
 * argument of a function that only passes it on. Sources are read with regular expressions (docs/decisions/0001).
 */
export function madeErrors(tree: SourceTree): MadeErrors {
  const errors: MadeError[] = [];
  const unreadable: string[] = [];
  const files = typescript(tree, "chassis/src", ...services.map((service) => `${service}/src`))
    .filter(([path]) => !isTest(path))
    .map(([path, text]) => [path, withoutComments(text)] as const);
  const add = (path: string, text: string, offset: number, reason: string, code: string | undefined) => {
    const place = `${path}:${lineOf(text, offset)}`;
    const [, literal] = reasonLiteral.exec(reason) ?? [];
    if (literal === undefined || code === undefined)
      unreadable.push(`${place}: write ${reason} where the error is made`);
    else errors.push({ home: path.split("/", 1)[0] ?? "", place, path, reason: literal, code });
  };

  for (const [path, text] of files) {
    for (const match of text.matchAll(domainError)) {
      const [, kind = "", reason = ""] = match;
      const code = codeOfKindLiteral(kind);
      const maker = reason === "reason" ? functionAround(text, match.index) : undefined;
      if (maker === undefined) {
        add(path, text, match.index, reason, code);
        continue;
      }
      for (const [callerPath, callerText] of maker.isExported ? files : [[path, text] as const]) {
        for (const call of callerText.matchAll(new RegExp(`(?<!function )\\b${maker.name}\\(\\s*([^,)]+?)[,)]`, "g"))) {
          add(callerPath, callerText, call.index, call[1] ?? "", code);
        }
      }
    }
    if (translators[1] === path) continue;
    for (const match of text.matchAll(connectError)) {
      const [, code = "", reason = "reason"] = match;
      if (path === translators[0] && code === "error.code") continue;
      add(path, text, match.index, reason, codeOfLiteral(code));
    }
  }
  return { errors, unreadable };
}

/**
 * The errors that a caller can meet: all but those that only the consumers of messages meet, which are parked. Those are
 * made in files of a service that its events/ lead to and its rpc/ do not.
 */
export function errorsOfCallers(tree: SourceTree): MadeError[] {
  const parked = new Set(services.flatMap((service) => [...filesOnlyOfConsumers(tree, service)]));
  return madeErrors(tree).errors.filter(({ path }) => !parked.has(path));
}

function filesOnlyOfConsumers(tree: SourceTree, service: string): Set<string> {
  const ofCallers = reach(tree, `${service}/src/rpc/`);
  return new Set([...reach(tree, `${service}/src/events/`)].filter((path) => !ofCallers.has(path)));
}

/**
 * The files that the code in a folder leads to. What it gets as an argument it knows by a type only, so the types that
 * the folder itself imports count; further on they do not.
 */
function reach(tree: SourceTree, folder: string): Set<string> {
  const reached = new Set([...tree.keys()].filter((path) => path.startsWith(folder) && !isTest(path)));
  for (const path of reached) {
    for (const { target, isTypeOnly } of importsOf(path, tree.get(path) ?? "")) {
      if (tree.has(target) && (!isTypeOnly || path.startsWith(folder))) reached.add(target);
    }
  }
  return reached;
}

/** The function whose body an offset is in, as far as its declaration stands at the beginning of a line. */
function functionAround(text: string, offset: number): { name: string; isExported: boolean } | undefined {
  const declarations = [...text.slice(0, offset).matchAll(/^(export )?function (\w+)\(reason: string\b/gm)];
  const last = declarations.at(-1);
  const closed = last && /^}/m.test(text.slice(last.index, offset));
  if (last === undefined || closed) return undefined;
  return { name: last[2] ?? "", isExported: last[1] !== undefined };
}

function codeOfKindLiteral(kind: string): string | undefined {
  const code = (codeOfKind as Readonly<Record<string, Code>>)[kind.slice(1, -1)];
  return code === undefined ? undefined : grpcNameOf(code);
}

function codeOfLiteral(text: string): string | undefined {
  const code = (Code as unknown as Readonly<Record<string, Code>>)[text.replace(/^Code\./, "")];
  return code === undefined ? undefined : grpcNameOf(code);
}
