import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { services } from "../stack/stack-config.ts";
import { type Filling, fillTemplate, wordsOf } from "./fill-template.ts";
import { NameError, type NounPair, readNoun } from "./noun.ts";
import { registrations } from "./register.ts";
import { wrapComments } from "./wrap-comments.ts";

/** How long a noun is decides where their comments are broken. */
const wrappedFiles = /\.(ts|proto|sql)$/;
const templateFolder = join(import.meta.dirname, "template");

/** Words that TypeScript or SQLite keep for themselves and that the templates do not use. */
const keywords = new Set(
  `abstract add alter any as async await between boolean break case catch check class collate column commit constraint
  continue debugger declare default distinct do drop else enum escape exists extends false finally for foreign function
  goto group having if implements import in insert instanceof interface into is isnull join let limit module namespace
  never new notnull null object on or package primary private protected public references return returning row select
  static super switch symbol table then this throw to transaction true try typeof undefined union unique unknown using
  values var void when where while with yield`.split(/\s+/),
);

/** What was made, or is to be made. */
export interface NewService {
  /** Name of the service, as its folder. */
  readonly service: string;
  readonly ports: Filling["ports"];
  /** Files by their path from the root: new ones, and those in which the service is written down. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Plans a service in the repository at `root`, on the ports after those of the others: every file with its text. Writes
 * nothing. Throws a NameError when there cannot be a service of this name.
 */
export function planService(options: { root: string; name: string; plural?: string }): NewService {
  const { root } = options;
  const noun = readNoun(options.name, options.plural);
  const templates = readTemplates();
  const code = [...templates].filter(([path]) => path.endsWith(".ts")).map(([, text]) => text);
  refuseTaken(root, noun, wordsOf(code));

  const filling = { ...noun, ports: nextPorts() };
  const files = new Map<string, string>();
  for (const [path, text] of templates) {
    const filled = fillTemplate(text, filling);
    files.set(fillTemplate(path, filling), wrappedFiles.test(path) ? wrapComments(filled) : filled);
  }
  for (const { path, add } of registrations) files.set(path, add(readFileSync(join(root, path), "utf8"), filling));
  return { service: `${noun.one.kebab}-svc`, ports: filling.ports, files };
}

/** Writes the files of a plan. */
export function writeService(root: string, { files }: NewService): void {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function readTemplates(): ReadonlyMap<string, string> {
  const paths = readdirSync(templateFolder, { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => statSync(join(templateFolder, path)).isFile()).sort();
  return new Map(files.map((path) => [path, readFileSync(join(templateFolder, path), "utf8")]));
}

function refuseTaken(root: string, { one, many }: NounPair, words: ReadonlySet<string>): void {
  const folder = `${one.kebab}-svc`;
  if (existsSync(join(root, folder))) throw new NameError(`${folder} exists already.`);
  if (existsSync(join(root, "proto", "shop", one.snake))) {
    throw new NameError(`The contract has a package shop.${one.snake} already.`);
  }
  const owner = ownerOf(root, many.camel);
  if (owner !== undefined) throw new NameError(`The contract has a collection ${many.camel} already, in ${owner}.`);
  for (const word of [one.snake, one.camel, one.pascal, many.snake, many.camel, many.pascal]) {
    if (!keywords.has(word) && !words.has(word)) continue;
    throw new NameError(`"${word}" has another meaning in the code of every service: choose another name.`);
  }
}

/** The file of the contract that has a collection in a path or in the pattern of a name. */
function ownerOf(root: string, collection: string): string | undefined {
  const folder = join(root, "proto", "shop");
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".proto"));
  const pattern = new RegExp(`/v1/${collection}[":/]|[=^]${collection}/`);
  return paths.find((path) => pattern.test(readFileSync(join(folder, path), "utf8")));
}

function nextPorts(): Filling["ports"] {
  const taken = Object.values(services);
  return {
    rpc: Math.max(...taken.map(({ rpc }) => rpc)) + 1,
    http: Math.max(...taken.map(({ http }) => http)) + 1,
  };
}
