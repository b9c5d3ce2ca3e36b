/** What a run of mocha came to. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are written as control characters.
const colors = /\u001b\[\d+(;\d+)*m/g;

/**
 * Reads the counts that mocha's spec reporter prints last. A run that ended badly without saying so (it crashed, or was
 * killed) counts as one failure at least.
 */
export function countResults(output: string, exitCode: number): TestCounts {
  const plain = output.replace(colors, "");
  const last = (word: string) =>
    Number([...plain.matchAll(new RegExp(`^ {2}(\\d+) ${word}\\b`, "gm"))].at(-1)?.[1] ?? 0);
  const passed = last("passing");
  const failed = last("failing");
  const saidNothing = !/^ {2}\d+ passing/m.test(plain);
  return {
    passed,
    failed: failed === 0 && (exitCode !== 0 || saidNothing) ? 1 : failed,
    skipped: last("pending"),
  };
}

/** What mocha's spec reporter says of the tests that failed, without colours: "" where none did. */
export function failureReport(output: string): string {
  const plain = output.replace(colors, "");
  const start = [...plain.matchAll(/^ {2}\d+ failing$/gm)].at(-1)?.index;
  return start === undefined ? "" : plain.slice(start).trimEnd();
}
