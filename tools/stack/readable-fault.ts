/** What Node printed about a fault, without its own insides and without the way to the checkout. */
export function readableFault(said: string, rootDir: string): string {
  const noise = /^\s+at |^node:internal|^Node\.js v|^\s*triggerUncaught|^\s*\^$|^\s*code: '|^\}$|^\s*$/;
  const lines = said.split("\n");
  // Node first shows the place of its own that found the fault, up to an empty line.
  const start = lines[0]?.startsWith("node:internal") ? lines.indexOf("") : 0;
  const text = lines
    .slice(start)
    .filter((line) => !noise.test(line))
    .join("\n")
    .replace(/ \{$/, "")
    .replaceAll(`file://${rootDir}/`, "")
    .replaceAll(`${rootDir}/`, "");
  return text.trim() || "Node ended without a word.";
}
