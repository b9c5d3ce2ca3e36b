import type { SourceTree } from "../architecture/source-tree.ts";

/** A reason that the comment of a method names in its paragraph `Errors:`. */
export interface ContractError {
  /** Name of the service, as its folder. */
  readonly service: string;
  readonly method: string;
  readonly reason: string;
  /** gRPC code, as in "NOT_FOUND". */
  readonly code: string;
}

const file = /^proto\/shop\/(\w+)\/v1\/\w+_service\.proto$/;
const method = /((?: *\/\/[^\n]*\n)+) *rpc (\w+)\(/g;
// A code, or reasons in brackets after it: "NOT_FOUND (ORDER_NOT_FOUND), also for …; ABORTED (ETAG_MISMATCH) when …".
const codeOrReasons = /\(([A-Z][A-Z0-9_]+(?:, [A-Z][A-Z0-9_]+)*)\)|\b([A-Z]+(?:_[A-Z]+)*)\b(?= ?\()/g;

/** Every reason that the methods' comments name, in the order of the contract. */
export function contractErrors(tree: SourceTree): ContractError[] {
  return [...tree].flatMap(([path, text]) => {
    const [, noun] = file.exec(path) ?? [];
    if (noun === undefined) return [];
    return [...text.matchAll(method)].flatMap(([, comment = "", name = ""]) =>
      reasonsIn(comment).map((found) => ({ service: `${noun.replaceAll("_", "-")}-svc`, method: name, ...found })),
    );
  });
}

function reasonsIn(comment: string): { reason: string; code: string }[] {
  const words = comment.replace(/^ *\/\/ ?/gm, "").replace(/\n(?!\n)/g, " ");
  const [, errors = ""] = words.split(/\bErrors: /);
  let code = "";
  return [...errors.matchAll(codeOrReasons)].flatMap(([, reasons, newCode]) => {
    if (reasons === undefined) {
      code = newCode ?? "";
      return [];
    }
    return reasons.split(", ").map((reason) => ({ reason, code }));
  });
}
