/** One place of our own code, made wrong on purpose. */
export interface Mutant {
  /** What it is called on the command line: kebab-case. */
  readonly name: string;
  /** What is wrong with it, as a sentence about the product. */
  readonly sentence: string;
  readonly edits: readonly Edit[];
}

/** A change of one file: the text must stand in it exactly once. */
export interface Edit {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

/** A source with an edit made. Throws when the text to change does not stand there exactly once. */
export function edited(source: string, { path, from, to }: Edit): string {
  const parts = source.split(from);
  if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} places like this one:\n${from}`);
  return parts.join(to);
}
