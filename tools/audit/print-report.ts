import { type Finding, type Invariant, invariants } from "./finding.ts";
import type { AuditReport } from "./judge.ts";
import { type Line, reconcile, type Section } from "./reconciliation.ts";

const waitingShownMax = 20;

/**
 * Prints what an audit says for people: the figures of each service and each pair, what waits, what could not be looked at,
 * and all that does not add up. Returns the exit code: 1 when something does not add up or nothing could be read.
 */
export function printReport(report: AuditReport, options: { time: number; print: (line: string) => void }): number {
  const { time, print } = options;
  const sections = reconcile(report.books);
  if (sections.length === 0 && report.findings.length === 0) {
    for (const what of report.unseen) print(what);
    print("There is nothing here to audit: make up");
    return 1;
  }
  const width = Math.max(...sections.flatMap(({ lines }) => lines.map(({ what }) => what.length)));
  for (const section of sections) printSection(section, width, print);
  printWaiting(report.waiting, time, print);
  if (report.unseen.length > 0) {
    print("\nCould not be looked at:");
    for (const what of report.unseen) print(`  ${what}`);
  }
  return printFindings(report, print);
}

function printSection({ title, lines }: Section, width: number, print: (line: string) => void): void {
  print(`\n${title}`);
  for (const { what, left, right } of lines) {
    print(`  ${what.padEnd(width)}  ${right === undefined ? left : `${left} ${sign(left, right)} ${right}`}`);
  }
}

/** Whether two figures are one: their first numbers count, what follows says what they are. */
function sign(left: NonNullable<Line["left"]>, right: NonNullable<Line["right"]>): string {
  const figure = (text: string) => text.replace(/ (published|handled|put in|\().*/, "");
  return figure(left) === figure(right) ? "=" : "≠";
}

function printWaiting(waiting: readonly Finding[], time: number, print: (line: string) => void): void {
  if (waiting.length === 0) return;
  print(`\nStill on its way, or waiting for a part that is down: ${waiting.length}`);
  for (const { services, about, what, sinceTime = time } of waiting.slice(0, waitingShownMax)) {
    const seconds = Math.max(0, Math.round((time - sinceTime) / 1000));
    print(`  ${services.join(" and ")}: ${about}: ${what} (${seconds} s)`);
  }
  if (waiting.length > waitingShownMax) print(`  and ${waiting.length - waitingShownMax} more`);
}

function printFindings({ findings, unseen }: AuditReport, print: (line: string) => void): number {
  if (findings.length === 0) {
    print(`\n${unseen.length === 0 ? "Everything adds up." : "What was looked at adds up."}`);
    return 0;
  }
  print("\nDoes not add up:");
  for (const [invariant, ofIt] of Map.groupBy(findings, (finding) => finding.invariant)) {
    print(`  ${invariant}: ${invariants[invariant as Invariant]}`);
    for (const { services, about, what } of ofIt) print(`    ${services.join(" and ")}: ${about}: ${what}`);
  }
  const concerned = new Set(findings.map(({ about }) => about)).size;
  print(`\n${findings.length} findings about ${concerned} orders, products, payments and other things.`);
  return 1;
}
