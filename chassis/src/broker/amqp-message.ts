import type { Message, Options } from "amqplib";
import type { IncomingMessage } from "../storage/messages.ts";
import type { BrokerMessage, UndecodableMessage } from "./broker.ts";

const contentType = "application/protobuf";
// AMQP timestamps count seconds; this header carries the milliseconds.
const timeHeader = "x-time";
const aggregateHeader = "x-aggregate";
const versionHeader = "x-aggregate-version";

/** The AMQP properties of an event. */
export function toProperties(message: BrokerMessage, appId: string): Options.Publish {
  return {
    persistent: true,
    messageId: message.id,
    type: message.type,
    timestamp: Math.floor(message.time / 1000),
    appId,
    contentType,
    headers: {
      [aggregateHeader]: message.aggregate,
      [versionHeader]: message.version,
      [timeHeader]: message.time,
      ...(message.traceparent === undefined ? {} : { traceparent: message.traceparent }),
      ...(message.tracestate === undefined ? {} : { tracestate: message.tracestate }),
    },
  };
}

/** Reads an AMQP message back; `cause` says what keeps it from being an event. */
export function fromAmqp(
  raw: Message,
): { message: Omit<IncomingMessage, "redelivered"> } | { undecodable: UndecodableMessage } {
  const { properties, fields, content } = raw;
  const headers: Record<string, unknown> = properties.headers ?? {};
  const id = text(properties.messageId);
  const type = text(properties.type) ?? fields.routingKey;
  const aggregate = text(headers[aggregateHeader]);
  const version = integer(headers[versionHeader]);
  const seconds = integer(properties.timestamp);
  const time = integer(headers[timeHeader]) ?? (seconds === undefined ? undefined : seconds * 1000);

  const broken = (cause: string) => ({
    undecodable: { ...(id === undefined ? {} : { id }), type, payload: content, cause },
  });
  if (id === undefined) return broken("no message id");
  if (properties.contentType !== contentType) return broken(`content type is not ${contentType}`);
  if (aggregate === undefined) return broken(`no header ${aggregateHeader}`);
  if (version === undefined) return broken(`no header ${versionHeader}`);
  if (time === undefined) return broken("no timestamp");

  const traceparent = text(headers.traceparent);
  const tracestate = text(headers.tracestate);
  return {
    message: {
      id,
      type,
      aggregate,
      version,
      payload: content,
      time,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(tracestate === undefined ? {} : { tracestate }),
    },
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function integer(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
