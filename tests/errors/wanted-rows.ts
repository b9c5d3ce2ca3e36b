import type { ErrorReply } from "../../tools/gateway/error-replies.ts";
import { type SourceTree, services } from "../architecture/source-tree.ts";
import { contractErrors } from "./contract-errors.ts";
import { anyMethod } from "./error-page.ts";
import { errorsOfCallers } from "./made-errors.ts";

/** All that says which errors there are. */
export interface ErrorSources {
  readonly tree: SourceTree;
  /** What the gateway answers by itself. */
  readonly replies: readonly ErrorReply[];
}

/** A reason that a caller can meet, as the page has to have it. */
export interface WantedRow {
  readonly section: string;
  readonly reason: string;
  readonly codes: readonly string[];
  readonly statuses: readonly number[];
  /** The methods whose comments name it; empty where any method is meant. */
  readonly methods: readonly string[];
  /** Who makes it: a place in the sources, the gateway, or Connect. */
  readonly maker: string;
}

/** The gRPC codes, each at its number. */
const codeNames = [
  ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"],
  ...["PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"],
  ...["INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"],
];

/** What Envoy's transcoder makes of a service's code, each at its number, as google/rpc/code.proto has it. */
const statuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** What Connect itself refuses before it reaches a method. The reason is the name of the code then. */
const codesOfConnect = ["UNIMPLEMENTED", "RESOURCE_EXHAUSTED"];

interface Answer {
  readonly section: string;
  readonly reason: string;
  readonly codes: readonly string[];
  readonly status: number;
  readonly maker: string;
}

/**
 * Every reason that a caller can meet. What the chassis, the gateway or Connect says may come from any method, and means
 * the same when a service says it.
 */
export function wantedRows(sources: ErrorSources): WantedRow[] {
  const contract = contractErrors(sources.tree);
  const rows = new Map<string, Answer[]>();
  for (const answer of answersIn(sources)) {
    const everywhere = `${anyMethod} ${answer.reason}`;
    const key = rows.has(everywhere) ? everywhere : `${answer.section} ${answer.reason}`;
    rows.set(key, [...(rows.get(key) ?? []), answer]);
  }
  return [...rows.values()].flatMap((answers) => {
    const [first] = answers;
    if (first === undefined) return [];
    const { section, reason, maker } = first;
    const named = contract.filter((error) => error.service === section && error.reason === reason);
    return {
      section,
      reason,
      maker,
      codes: [...new Set(answers.flatMap(({ codes }) => codes))],
      statuses: [...new Set(answers.map(({ status }) => status))],
      methods: named.map(({ method }) => method),
    };
  });
}

/** All answers, those that any method may give first. */
function answersIn({ tree, replies }: ErrorSources): Answer[] {
  const made = errorsOfCallers(tree).map(({ home, reason, code, place }): Answer => {
    const section = services.some((service) => service === home) ? home : anyMethod;
    return { section, reason, codes: [code], status: statusOf(code), maker: place };
  });
  const ofConnect = codesOfConnect.map((code): Answer => {
    return { section: anyMethod, reason: code, codes: [code], status: statusOf(code), maker: "Connect" };
  });
  return [
    ...made.filter(({ section }) => section === anyMethod),
    ...ofConnect,
    ...replies.map(answerOfGateway),
    ...made.filter(({ section }) => section !== anyMethod),
  ];
}

function answerOfGateway(reply: ErrorReply): Answer {
  const codes = [reply.code, reply.grpcCode ?? reply.code].map((code) => codeNames[code] ?? "");
  return { section: anyMethod, reason: reply.reason, codes, status: statusOfReply(reply), maker: "the gateway" };
}

function statusOfReply({ status, when, code }: ErrorReply): number {
  if (status !== undefined) return status;
  if ("status" in when && when.status !== undefined) return when.status;
  return "statusFrom" in when ? when.statusFrom : (statuses[code] ?? 0);
}

function statusOf(code: string): number {
  return statuses[codeNames.indexOf(code)] ?? 0;
}
