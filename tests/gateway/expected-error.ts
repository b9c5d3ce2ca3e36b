import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import { ErrorInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { StatusSchema } from "@quartet/proto/google/rpc/status_pb";
import type { GrpcAnswer, HttpAnswer } from "./gateway-fixture.ts";

const typePrefix = "type.googleapis.com/";

/** Asserts google.rpc.Status JSON with ErrorInfo, and returns its message. */
export function assertRestError(answer: HttpAnswer, status: number, code: number, reason: string): string {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get("content-type"), "application/json");
  const body = answer.json as { code: number; message: string; details: Record<string, unknown>[] };
  assert.deepEqual(Object.keys(body).sort(), ["code", "details", "message"]);
  assert.equal(body.code, code, answer.text);
  const info = body.details.find((detail) => detail["@type"] === `${typePrefix}google.rpc.ErrorInfo`);
  assert.equal(info?.reason, reason, answer.text);
  assert.equal(info?.domain, "quartet");
  assert.doesNotMatch(body.message, /\n/);
  return body.message;
}

/** Asserts an error of the Connect protocol with ErrorInfo. */
export function assertConnectError(answer: HttpAnswer, status: number, code: string, reason: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get("content-type"), "application/json");
  const body = answer.json as { code: string; message: string; details: { type: string; value: string }[] };
  assert.equal(body.code, code, answer.text);
  assert.ok(body.message.length > 0);
  const info = body.details.find(({ type }) => type === "google.rpc.ErrorInfo");
  const decoded = fromBinary(ErrorInfoSchema, Buffer.from(info?.value ?? "", "base64"));
  assert.equal(decoded.reason, reason);
  assert.equal(decoded.domain, "quartet");
}

/** Asserts a gRPC status in plain words, with google.rpc.Status of the same code and ErrorInfo in its details. */
export function assertGrpcError(answer: GrpcAnswer, code: number, reason: string): void {
  assert.equal(answer.code, code, answer.message);
  assert.doesNotMatch(answer.message, /[{}\n]/);
  const [details] = answer.metadata?.get("grpc-status-details-bin") ?? [];
  assert.ok(details instanceof Buffer, "has details");
  const status = fromBinary(StatusSchema, details);
  assert.equal(status.code, code);
  assert.equal(status.message, answer.message);
  const info = status.details.find(({ typeUrl }) => typeUrl === `${typePrefix}google.rpc.ErrorInfo`);
  assert.equal(fromBinary(ErrorInfoSchema, info?.value ?? new Uint8Array()).reason, reason);
}
