import { Code } from "@connectrpc/connect";
import { codeOfKind } from "@quartet/chassis/rpc/error-details";
import { importsOf } from "../architecture/imports.ts";
import { isTest, lineOf, type SourceTree, services, typescript, withoutComments } from "../architecture/source-tree.ts";
import { callsOf, functionAround } from "./calls.ts";

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

/** Where reasons come from elsewhere: a DomainError has its own, and what Connect refuses has the name of its code. */
const translated = ["error.reason", "reasonOf(error.code)"];

/**
 * Every error that the chassis and the services make. Reason and kind are literals where the error is made, or arguments
 * of a function that only passes them on. Sources are read with regular expressions (docs/decisions/0001).
 */
export function madeErrors(tree: SourceTree): MadeErrors {
  const errors: MadeError[] = [];
  const unreadable: string[] = [];
  const files = typescript(tree, "chassis/src", ...services.map((service) => `${service}/src`))
    .filter(([path]) => !isTest(path))
    .map(([path, text]) => [path, withoutComments(text)] as const);
  const add = (path: string, text: string, offset: number, reason: string, code: string | undefined) => {
    const place = `${path}:${lineOf(text, offset)}`;
    const [, literal] = /^"([A-Z][A-Z0-9_]*)"$/.exec(reason) ?? [];
    if (literal === undefined || code === undefined) {
      unreadable.push(`${place}: write kind and reason where the error is made, not ${reason}`);
    } else errors.push({ home: path.split("/", 1)[0] ?? "", place, path, reason: literal, code });
  };

  for (const [path, text] of files) {
    for (const { offset, args } of callsOf(text, "new DomainError")) {
      const [kind = "", reason = ""] = args;
      const maker = functionAround(text, offset);
      const placeOf = (name: string) => maker?.parameters.findIndex((parameter) => parameter.name === name) ?? -1;
      if (maker === undefined || placeOf(reason) < 0) {
        add(path, text, offset, reason, codeOfLiteral(kind));
        continue;
      }
      for (const [callerPath, callerText] of maker.isExported ? files : [[path, text] as const]) {
        for (const call of callsOf(callerText, maker.name)) {
          const given = (name: string) => call.args[placeOf(name)] ?? maker.parameters[placeOf(name)]?.fallback ?? name;
          add(callerPath, callerText, call.offset, given(reason), codeOfLiteral(given(kind)));
        }
      }
    }
    for (const { offset, args } of callsOf(text, "newConnectError")) {
      const [, code = ""] = /\bcode: ([^,}]+)/.exec(args[0] ?? "") ?? [];
      const [, named] = /\breason: ([^,}]+)/.exec(args[0] ?? "") ?? [];
      const before = [...text.slice(0, offset).matchAll(/\bconst reason = ([^;]+);/g)].at(-1)?.[1];
      const reason = named ?? before ?? "";
      if (!translated.includes(reason)) add(path, text, offset, reason, codeOfLiteral(code));
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

/** The gRPC code of a kind, as in `"not_found"`, or of a code of Connect, as in `Code.NotFound`. */
function codeOfLiteral(text: string): string | undefined {
  const codes = Code as unknown as Readonly<Record<string, Code>>;
  const kinds = codeOfKind as Readonly<Record<string, Code>>;
  const code = text.startsWith("Code.") ? codes[text.slice("Code.".length)] : kinds[text.slice(1, -1)];
  if (code === undefined) return undefined;
  return code === Code.Canceled ? "CANCELLED" : (Code[code] ?? "").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
