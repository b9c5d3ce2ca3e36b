/** What a run of mocha came to. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are written as control characters.
const colors = /\u001b\[\d+(;\d+)*m/g;

/** A failed test may quote a report of its own, below this one. */
const counts = /^ {2}(\d+) passing\b.*(?:\n {2}(\d+) pending)?(?:\n {2}(\d+) failing)?$/m;

/**
 * Reads the counts that mocha's spec reporter prints after its tests. A run that ended badly without saying so (it crashed,
 * or was killed) counts as one failure at least.
 */
export function countResults(output: string, exitCode: number): TestCounts {
  const found = counts.exec(output.replace(colors, ""));
  const [passed, skipped, failed] = (found ?? []).slice(1).map((count) => Number(count ?? 0));
  return {
    passed: passed ?? 0,
    failed: failed || (exitCode !== 0 || found === null ? 1 : 0),
    skipped: skipped ?? 0,
  };
}

/** What mocha's spec reporter says of the tests that failed, without colours: "" where none did. */
export function failureReport(output: string): string {
  const plain = output.replace(colors, "");
  const found = counts.exec(plain);
  return found?.[3] === undefined ? "" : plain.slice(found.index).trimEnd();
}
