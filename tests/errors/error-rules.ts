import { contractErrors } from "./contract-errors.ts";
import { anyMethod, type PageRow, errorPagePath as page, pageRows } from "./error-page.ts";
import { madeErrors } from "./made-errors.ts";
import { type ErrorSources, type WantedRow, wantedRows } from "./wanted-rows.ts";

/** One rule about the reasons of errors. */
export interface ErrorRule {
  /** What holds, as a full sentence without "it". */
  readonly sentence: string;
  /** What breaks it, a sentence for each reason; empty when nothing does. */
  readonly violations: (sources: ErrorSources) => string[];
}

const inAnyOrder = (items: readonly unknown[]) => [...items].sort().join(", ");
const isRowOf = (one: { section: string; reason: string }) => (other: { section: string; reason: string }) =>
  one.section === other.section && one.reason === other.reason;

/** What the page says of a reason, beside what it has to say. */
function pairs(sources: ErrorSources): { row: PageRow; wanted: WantedRow }[] {
  const wantedOf = wantedRows(sources);
  return pageRows(sources.tree).flatMap((row) => {
    const wanted = wantedOf.find(isRowOf(row));
    return wanted === undefined ? [] : [{ row, wanted }];
  });
}

/** A rule about one column of the page. */
function columnRule<T>(
  sentence: string,
  column: string,
  said: (row: PageRow) => readonly T[],
  meant: (row: WantedRow) => readonly T[],
): ErrorRule {
  return {
    sentence,
    violations: (sources) =>
      pairs(sources)
        .filter(({ row, wanted }) => inAnyOrder(said(row)) !== inAnyOrder(meant(wanted)))
        .map(({ row, wanted }) => {
          const [is, should] = [inAnyOrder(said(row)) || "none", inAnyOrder(meant(wanted)) || "none"];
          return `${page}, "${row.section}": ${row.reason} (${wanted.maker}) has the ${column} ${should}, not ${is}`;
        }),
  };
}

/** What holds between the reasons in the sources, those in the contract, and those on the page. */
export const errorRules: readonly ErrorRule[] = [
  {
    sentence: "every error has its reason and code where it is made",
    violations: ({ tree }) => [...madeErrors(tree).unreadable],
  },
  {
    sentence: "every reason that a caller can meet is on the page",
    violations: (sources) => {
      const rows = pageRows(sources.tree);
      return wantedRows(sources)
        .filter((wanted) => !rows.some(isRowOf(wanted)))
        .map(({ section, reason, codes, maker }) => {
          return `${page}, "${section}": ${reason} (${inAnyOrder(codes)}, ${maker}) is missing`;
        });
    },
  },
  {
    sentence: "the page names no reason that nobody makes, and none twice",
    violations: (sources) => {
      const [rows, wanted] = [pageRows(sources.tree), wantedRows(sources)];
      return rows.flatMap((row, index) => {
        if (!wanted.some(isRowOf(row))) return [`${page}, "${row.section}": ${row.reason} is made nowhere`];
        return rows.findIndex(isRowOf(row)) < index ? [`${page}, "${row.section}": ${row.reason} is there twice`] : [];
      });
    },
  },
  columnRule(
    "the page has the codes of each reason",
    "codes",
    (row) => row.codes,
    (wanted) => wanted.codes,
  ),
  columnRule(
    "the page has the HTTP statuses of each reason",
    "HTTP statuses",
    (row) => row.statuses,
    (wanted) => wanted.statuses,
  ),
  columnRule(
    "the page has the methods for which the contract names a reason of a service",
    "methods",
    (row) => row.methods,
    (wanted) => wanted.methods,
  ),
  {
    sentence: "the page says what each reason means, and whether the same call helps later",
    violations: ({ tree }) =>
      pageRows(tree)
        .filter(({ meaning, again }) => !(meaning.endsWith(".") && (again === "no" || again === "later")))
        .map(
          ({ section, reason }) => `${page}, "${section}": ${reason} needs a sentence, and "no" or "later" after it`,
        ),
  },
  {
    sentence: "every reason that the contract names is made by that service or for all of them, with that code",
    violations: (sources) => {
      const wanted = wantedRows(sources);
      return contractErrors(sources.tree)
        .filter(({ service, reason, code }) => {
          const made = wanted.filter((row) => row.reason === reason && [service, anyMethod].includes(row.section));
          return !made.some(({ codes }) => codes.includes(code));
        })
        .map(({ service, method, reason, code }) => {
          return `${method} names ${reason} (${code}) in its comment, and ${service} never answers it`;
        });
    },
  },
  {
    sentence: "every reason of a service is named in the comment of a method that answers it",
    violations: (sources) => {
      const named = contractErrors(sources.tree);
      return wantedRows(sources)
        .filter(({ section, reason }) => section !== anyMethod && !named.some(isNamed(section, reason)))
        .map(
          ({ section, reason, maker }) => `${reason} (${maker}) is in no \`Errors:\` comment of ${section}'s methods`,
        );
    },
  },
];

function isNamed(section: string, wantedReason: string) {
  return ({ service, reason }: { service: string; reason: string }) => service === section && reason === wantedReason;
}
