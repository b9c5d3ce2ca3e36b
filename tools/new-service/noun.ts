/** What a new service is about, in every spelling that the code has for it. */
export interface Noun {
  /** As in "gift-card": folder, files, host. */
  readonly kebab: string;
  /** As in "gift_card": package, fields, tables. */
  readonly snake: string;
  /** As in "giftCard": variables. */
  readonly camel: string;
  /** As in "GiftCard": messages and types. */
  readonly pascal: string;
  /** As in "GIFT_CARD": reasons of errors. */
  readonly screaming: string;
  /** As in "gift card". */
  readonly phrase: string;
}

/** A noun with its plural. */
export interface NounPair {
  readonly one: Noun;
  readonly many: Noun;
}

/** What stands in the way of a name; the message is one sentence for whoever typed it. */
export class NameError extends Error {
  override readonly name = "NameError";
}

const lengthMax = 30;
const wordsPattern = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;

/**
 * Reads the name of a service: one noun in the singular, in lower case with hyphens. The plural is made by the rules of
 * English unless it is given. Throws a NameError for what cannot be one.
 */
export function readNoun(name: string, plural = ""): NounPair {
  if (name.endsWith("-svc")) throw new NameError(`NAME is the noun alone: ${name.slice(0, -4)}, not ${name}.`);
  for (const [variable, value] of Object.entries({ NAME: name, PLURAL: plural || name })) {
    if (wordsPattern.test(value) && value.length <= lengthMax) continue;
    throw new NameError(
      `${variable} is a noun of up to ${lengthMax} letters in lower case, with hyphens between words, as in gift-card: "${value}" is none.`,
    );
  }
  if (plural === "" && /[^aiosu]s$/.test(name)) {
    throw new NameError(
      `"${name}" looks like a plural: name the service after one of them, or give PLURAL= if this is one.`,
    );
  }
  if (plural === name) throw new NameError(`NAME and PLURAL have to differ: both are "${name}".`);
  return { one: nounOf(name), many: nounOf(plural || pluralOf(name)) };
}

function nounOf(kebab: string): Noun {
  const words = kebab.split("-");
  const pascal = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join("");
  return {
    kebab,
    snake: words.join("_"),
    camel: `${pascal.charAt(0).toLowerCase()}${pascal.slice(1)}`,
    pascal,
    screaming: words.join("_").toUpperCase(),
    phrase: words.join(" "),
  };
}

function pluralOf(name: string): string {
  if (/(s|x|z|ch|sh)$/.test(name)) return `${name}es`;
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return `${name}s`;
}

/** Whether a noun takes "an": by its first letter, but for those that are spoken as "you" or "one". */
export function takesAn({ kebab }: Noun): boolean {
  return /^[aeiou]/.test(kebab) && !/^(uni|use|usa|eu|one(-|$))/.test(kebab);
}
