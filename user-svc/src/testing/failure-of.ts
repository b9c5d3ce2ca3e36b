import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { BadRequestSchema } from "@quartet/proto/google/rpc/error_details_pb";

/** How a call failed, in short: code and reason, and the fields that the details name, each once. Fails when the call succeeds. */
export async function failureOf(call: Promise<unknown>): Promise<{ answer: string; fields: string[] }> {
  const error = await call.then(
    () => assert.fail("the call succeeded"),
    (failure: unknown) => ConnectError.from(failure),
  );
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  return {
    answer: `${Code[error.code]} ${errorInfoOf(error)?.reason}`,
    fields: [...new Set(violations.map(({ field }) => field))].sort(),
  };
}
