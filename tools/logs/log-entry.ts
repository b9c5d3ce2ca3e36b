/** One line of a log, whatever wrote it. */
export interface LogEntry {
  /** Milliseconds since the epoch; undefined where the line does not say. */
  readonly time: number | undefined;
  /** The part that wrote it, by the name that SVC= takes. */
  readonly part: string;
  readonly level: Level | undefined;
  /** 32 hexadecimal digits. */
  readonly traceId: string | undefined;
  readonly message: string;
  /** Shown as `name=value` after the message. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Further lines that belong to it, such as a stack. */
  readonly more: readonly string[];
}

export type Level = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

const brokerLine = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d+)(Z|[+-]\d\d:\d\d) \[(\w+)\] (?:<[\d.]+> )?(.*)$/;
const envoyLine = /^\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d+)\]\[\d+\]\[(\w+)\]\[(\w+)\] (?:\[[^\]]*\] )?(.*)$/;
const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/** What RabbitMQ and Envoy call the levels. */
const levelNames: Readonly<Record<string, Level>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  notice: "info",
  warn: "warn",
  warning: "warn",
  error: "error",
  critical: "fatal",
  fatal: "fatal",
  alert: "fatal",
  emergency: "fatal",
};

/** Reads a line of a part's log: JSON of a service or of the gateway's access log, RabbitMQ's or Envoy's own, or any text. */
export function readLogLine(part: string, line: string): LogEntry {
  const record = line.startsWith("{") ? parseObject(line) : undefined;
  if (record !== undefined) return "msg" in record ? ofService(part, record) : ofGateway(part, record);
  const broker = brokerLine.exec(line);
  if (broker !== null) {
    const [, day, clock, zone, level = "", message = ""] = broker;
    return { ...plain(part, message), time: Date.parse(`${day}T${clock}${zone}`), level: levelNames[level] };
  }
  const envoy = envoyLine.exec(line);
  if (envoy !== null) {
    const [, day, clock, level = "", , message = ""] = envoy;
    return { ...plain(part, message), time: Date.parse(`${day}T${clock}Z`), level: levelNames[level] };
  }
  return plain(part, line);
}

/** A line that says nothing but its text. */
export function plain(part: string, message: string): LogEntry {
  return { time: undefined, part, level: undefined, traceId: undefined, message, fields: {}, more: [] };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function ofService(part: string, record: Record<string, unknown>): LogEntry {
  const { time, level, service: _, trace_id: traceId, span_id: __, msg, err, ...fields } = record;
  const { method, type, code, result, duration_ms: duration, ...rest } = fields;
  // A call and a message are read hundreds of times a day: what they were and how they ended comes first, without names.
  const lead = [method ?? type, code ?? result].filter((value) => value !== undefined).map((value) => short(value));
  if (duration !== undefined) lead.push(`${duration} ms`);
  const { message: cause, stack } = (err ?? {}) as { message?: unknown; stack?: unknown };
  return {
    time: timeOf(time),
    part,
    level: levelNames[String(level)],
    traceId: typeof traceId === "string" ? traceId : undefined,
    message: [String(msg), ...lead].join(" "),
    fields: err === undefined ? rest : { ...rest, error: cause },
    more: typeof stack === "string" ? stack.split("\n") : [],
  };
}

function ofGateway(part: string, record: Record<string, unknown>): LogEntry {
  const { time, method, path, status, route, cause, flags, attempts, user, upstream: _, traceparent: parent } = record;
  const code = Number(status);
  const fields: Record<string, unknown> = {};
  if (typeof route === "string") fields.route = short(route);
  if (typeof user === "string") fields.user = user;
  if (cause !== "via_upstream" && cause !== null) fields.cause = cause;
  if (flags !== "-") fields.flags = flags;
  if (Number(attempts) > 1) fields.attempts = attempts;
  // A stream that the caller ends has no status.
  const outcome = code === 0 ? "no answer" : code;
  return {
    time: timeOf(time),
    part,
    level: code >= 500 ? "error" : "info",
    traceId: traceparent.exec(String(parent))?.[1],
    message: `${method} ${path} ${outcome} ${record.duration_ms} ms`,
    fields,
    more: [],
  };
}

function timeOf(time: unknown): number | undefined {
  const milliseconds = Date.parse(String(time));
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** A method or a type without its package: "OrderService/CreateOrder", "OrderPlaced". */
function short(value: unknown): string {
  return String(value).replace(/^shop\.\w+\.v\d+\./, "");
}
