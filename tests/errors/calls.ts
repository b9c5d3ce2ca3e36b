/** A call in a source. */
export interface Call {
  /** Where it begins. */
  readonly offset: number;
  /** Its arguments as they are written. */
  readonly args: readonly string[];
}

/** The calls of a function, by its name as it is written before the bracket. Its declaration is none. */
export function callsOf(text: string, name: string): Call[] {
  return [...text.matchAll(new RegExp(`(?<!function )\\b${name}\\(`, "g"))].map((match) => {
    return { offset: match.index, args: listFrom(text, match.index + match[0].length) };
  });
}

/** A function that is declared at the beginning of a line. */
export interface Declaration {
  readonly name: string;
  readonly isExported: boolean;
  readonly parameters: readonly { readonly name: string; readonly fallback: string | undefined }[];
}

/** The function whose body an offset is in. */
export function functionAround(text: string, offset: number): Declaration | undefined {
  const last = [...text.slice(0, offset).matchAll(/^(export )?(?:async )?function (\w+)\(/gm)].at(-1);
  if (last === undefined || /^}/m.test(text.slice(last.index, offset))) return undefined;
  const parameters = listFrom(text, last.index + last[0].length).flatMap((parameter) => {
    // What has no colon is the rest of a type with a comma in it.
    const [, name, fallback] = /^(\w+)\??:[^=]*(?:= (.*))?$/s.exec(parameter) ?? [];
    return name === undefined ? [] : [{ name, fallback }];
  });
  return { name: last[2] ?? "", isExported: last[1] !== undefined, parameters };
}

/** The items of a list in brackets, from behind the bracket that opens it. */
function listFrom(text: string, offset: number): string[] {
  const items: string[] = [];
  let [depth, start, quote] = [0, offset, ""];
  for (let at = offset; at < text.length; at++) {
    const character = text[at] ?? "";
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if (`"'\``.includes(character)) quote = character;
    else if ("([{".includes(character)) depth++;
    else if (depth > 0 && ")]}".includes(character)) depth--;
    else if (depth === 0 && ",)]}".includes(character)) {
      items.push(text.slice(start, at).trim());
      start = at + 1;
      if (character !== ",") break;
    }
  }
  // The formatter ends a list of several lines with a comma.
  return items.filter((item) => item !== "");
}
