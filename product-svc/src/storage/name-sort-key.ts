/** Longest key. What is equal up to here is sorted by id. A key travels in page tokens, which have a bound. */
const keyLengthMax = 100;

/**
 * What products are sorted by when they are sorted by name: the name in lower case and without accents, so that "école"
 * is found between "Ebony" and "Edge". Keys compare as the bytes of UTF-8, which is the order of Unicode; other scripts
 * follow the Latin one.
 */
export function nameSortKey(displayName: string): string {
  const bare = displayName.normalize("NFD").replaceAll(/\p{M}/gu, "").normalize("NFC").toLowerCase();
  return [...bare].slice(0, keyLengthMax).join("");
}
