import { type Noun, type NounPair, takesAn } from "./noun.ts";

/** What the templates are made ready for. */
export interface Filling extends NounPair {
  readonly ports: { readonly rpc: number; readonly http: number };
}

/** What stands in the templates for the noun. Two words, so that no two spellings of it are alike. */
const placeholder: NounPair = {
  one: spellings("sample", "item"),
  many: spellings("sample", "items"),
};
const placeholderPorts = { rpc: 50099, http: 8099 };
/** A resource name has this many characters after the collection: a slash and an id. */
const idLength = 65;

/** A text or path of the templates, about the noun, with the ports. */
export function fillTemplate(text: string, { one, many, ports }: Filling): string {
  const article = takesAn(one) ? "an" : "a";
  const spelled: (keyof Noun)[] = ["kebab", "snake", "camel", "pascal", "screaming", "phrase"];
  const pairs = [
    ...spelled.map((spelling) => [placeholder.many[spelling], many[spelling]] as const),
    [`aSampleItem`, `${article}${one.pascal}`] as const,
    ...spelled.map((spelling) => [placeholder.one[spelling], one[spelling]] as const),
    [capitalized(placeholder.many.phrase), capitalized(many.phrase)] as const,
    [capitalized(placeholder.one.phrase), capitalized(one.phrase)] as const,
  ];
  let filled = text
    .replaceAll(/\b([Aa]) sample item\b/g, (_, a: string) => `${a}${article.slice(1)} ${one.phrase}`)
    .replaceAll(`max_len: ${placeholder.many.camel.length + idLength}`, `max_len: ${many.camel.length + idLength}`)
    .replaceAll(String(placeholderPorts.rpc), String(ports.rpc))
    .replaceAll(String(placeholderPorts.http), String(ports.http));
  for (const [from, to] of pairs) filled = filled.replaceAll(from, to);
  return filled;
}

/** The words that sources in TypeScript use. A noun that is one of them would have two meanings there. */
export function wordsOf(sources: Iterable<string>): ReadonlySet<string> {
  const words = new Set<string>();
  for (const text of sources) {
    const code = text.replace(/"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, " ");
    for (const [word] of code.matchAll(/[A-Za-z_]\w*/g)) words.add(word);
  }
  return words;
}

function spellings(first: string, second: string): Noun {
  return {
    kebab: `${first}-${second}`,
    snake: `${first}_${second}`,
    camel: `${first}${capitalized(second)}`,
    pascal: `${capitalized(first)}${capitalized(second)}`,
    screaming: `${first}_${second}`.toUpperCase(),
    phrase: `${first} ${second}`,
  };
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
