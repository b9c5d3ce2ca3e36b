import { createHash } from "node:crypto";
import { type DescMessage, fromBinary, getOption, type Registry, toJson } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { sensitive } from "@quartet/proto/shop/options/v1/options_pb";
import type { ParkedMessage } from "../storage/inbox.ts";

const notShown = "(not shown)";
const causeWidthMax = 80;

/** A parked message in a line: id, type, what it is about, when it was parked and why. */
export function summarizeParked({ message, cause, parkTime }: ParkedMessage): string {
  const [line = ""] = cause.split("\n");
  const why = line.length > causeWidthMax ? `${line.slice(0, causeWidthMax - 1)}…` : line;
  return [message.id, timeOf(parkTime), message.type, message.aggregate || "-", why].join("  ");
}

/**
 * All about a parked message, for JSON. The payload is decoded by the contract, without the fields that it calls sensitive;
 * of one that cannot be decoded only length and hash are told, because a secret may be in it.
 */
export function describeParked(parked: ParkedMessage, registry: Registry): Record<string, unknown> {
  const { message, cause, attempts, receiveTime, parkTime } = parked;
  const { id, type, aggregate, version, traceparent, tracestate } = message;
  return {
    id,
    type,
    cause,
    attempts,
    times: { recorded: timeOf(message.time), received: timeOf(receiveTime), parked: timeOf(parkTime) },
    headers: { aggregate, version, traceparent, tracestate },
    payload: describePayload(registry.getMessage(type), message.payload, registry),
  };
}

function describePayload(schema: DescMessage | undefined, payload: Uint8Array, registry: Registry): unknown {
  const opaque = (why: string) => ({
    notDecoded: why,
    bytes: payload.byteLength,
    sha256: createHash("sha256").update(payload).digest("hex"),
  });
  if (schema === undefined) return opaque("the contract has no such message");
  try {
    const message = fromBinary(schema, payload);
    hideSecrets(reflect(schema, message));
    return toJson(schema, message, { registry });
  } catch (error) {
    return opaque(error instanceof Error ? error.message : String(error));
  }
}

function hideSecrets(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (getOption(field, sensitive)) {
      if (field.fieldKind === "scalar" && typeof message.get(field) === "string") message.set(field, notShown);
      else message.clear(field);
    } else if (field.fieldKind === "message") hideSecrets(message.get(field));
    else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const item of message.get(field)) hideSecrets(item as ReflectMessage);
    } else if (field.fieldKind === "map" && field.mapKind === "message") {
      for (const item of message.get(field).values()) hideSecrets(item as ReflectMessage);
    }
  }
}

function timeOf(time: number): string {
  return new Date(time).toISOString();
}
