// SQLite reads an expression only up to a NUL; no control character is part of a word.
const separators = /[\s\p{Cc}]+/u;

/**
 * The expression of SQLite's full-text search (FTS5) for what a user typed: all words must match, and the last may be
 * the beginning of one. Every word is quoted, so that nothing in it is syntax; the index takes it apart as it does the
 * texts, and its parts, as those of "cast-iron", must stand side by side. A word without any letter or digit does not
 * count, and alone it matches nothing. Undefined for a text without words.
 */
export function searchExpression(text: string): string | undefined {
  const words = text.split(separators).filter((word) => word !== "");
  const last = words.pop();
  if (last === undefined) return undefined;
  return `${[...new Set(words), last].map(quote).join(" ")}*`;
}

function quote(word: string): string {
  return `"${word.replaceAll('"', '""')}"`;
}
