import type { Level, LogEntry } from "./log-entry.ts";

const partWidth = 11;
const levelWidth = 5;
/** Enough to tell traces of a day apart, and short enough to read. */
const traceDigits = 8;
const noTime = "            ";

const partColors: Readonly<Record<string, number>> = {
  "user-svc": 36,
  "product-svc": 32,
  "order-svc": 34,
  "payment-svc": 35,
  envoy: 33,
  rabbitmq: 90,
  dev: 96,
};
const levelColors: Readonly<Partial<Record<Level, number>>> = { warn: 33, error: 31, fatal: 31 };
const dim = 90;

/**
 * An entry as lines to read: time (UTC), part, level, trace and message, at fixed places. `time` stands in where the entry
 * has none of its own.
 */
export function showEntry(entry: LogEntry, options: { colors: boolean; time?: number }): string {
  const paint = (color: number | undefined, text: string) =>
    options.colors && color !== undefined ? `\u001b[${color}m${text}\u001b[0m` : text;
  const time = entry.time ?? options.time;
  const clock = time === undefined ? noTime : new Date(time).toISOString().slice(11, 23);
  const part = paint(partColors[entry.part.replace(/-\d+$/, "")], entry.part.padEnd(partWidth));
  const level = paint(entry.level && levelColors[entry.level], (entry.level ?? "").toUpperCase().padEnd(levelWidth));
  const trace = paint(dim, (entry.traceId ?? "").slice(0, traceDigits).padEnd(traceDigits));
  const fields = Object.entries(entry.fields).map(([name, value]) => ` ${paint(dim, `${name}=`)}${shown(value)}`);
  const first = `${clock} ${part} ${level} ${trace} ${printable(entry.message)}${fields.join("")}`;
  return [first.trimEnd(), ...entry.more.map((line) => `${noTime} ${part} ${printable(line)}`)].join("\n");
}

/** An entry as one JSON object, for lines that are none by themselves. */
export function entryAsJson(entry: LogEntry, time: number | undefined): string {
  const at = entry.time ?? time;
  return JSON.stringify({
    time: at === undefined ? undefined : new Date(at).toISOString(),
    level: entry.level ?? "info",
    service: entry.part,
    msg: entry.message,
  });
}

function shown(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return /[\s"]/.test(value) || value === "" ? JSON.stringify(value) : printable(value);
}

/** What callers send ends up in logs: no control character of theirs reaches the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to replace.
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, "\ufffd");
}
