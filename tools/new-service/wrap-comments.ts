const widthMax = 120;
const lineComment = /^( *)(\/\/|--) .*(?:\n\1\2(?: .*|(?=\n)))*/gm;
const docComment = /^( *)\/\*\* (.*) \*\/$|^( *)\/\*\*\n((?: *\*(?!\/).*\n)+) *\*\/$/gm;

/** A source with its comments broken anew at 120 columns: they were written for a noun of another length. */
export function wrapComments(text: string): string {
  return text
    .replace(lineComment, (block: string, indent: string, mark: string) => {
      const start = `${indent}${mark}`;
      return wrapped(linesOf(block, start), start).join("\n");
    })
    .replace(docComment, (block: string, indent: string | undefined, single: string, deep: string, body: string) => {
      if (indent !== undefined && block.length <= widthMax) return block;
      const start = `${indent ?? deep} *`;
      const lines = indent === undefined ? linesOf(body.trimEnd(), start) : [single];
      return [`${indent ?? deep}/**`, ...wrapped(lines, start), `${start}/`].join("\n");
    });
}

function linesOf(block: string, start: string): string[] {
  return block.split("\n").map((line) => line.slice(start.length).trim());
}

function wrapped(lines: readonly string[], start: string): string[] {
  const paragraphs = lines.join("\n").split(/\n\n+/);
  return paragraphs.flatMap((paragraph, index) => {
    const broken: string[] = [];
    for (const word of paragraph.split(/\s+/)) {
      const last = broken.at(-1);
      const joined = last === undefined ? `${start} ${word}` : `${last} ${word}`;
      if (last !== undefined && joined.length <= widthMax) broken[broken.length - 1] = joined;
      else broken.push(last === undefined ? joined : `${start} ${word}`);
    }
    return index === 0 ? broken : [start, ...broken];
  });
}
