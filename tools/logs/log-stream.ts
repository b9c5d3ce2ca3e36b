import { type LogEntry, readLogLine } from "./log-entry.ts";
import { entryAsJson, showEntry } from "./show-entry.ts";

/** How lines are written: to read, coloured or not, or as JSON. */
export interface LogForm {
  readonly json: boolean;
  readonly colors: boolean;
}

/** Many logs as one. */
export interface LogStream {
  /** Takes one line, without its end, of a part's log. */
  add(part: string, line: string): void;
  /** Takes an entry that is no line of a file. */
  addEntry(entry: LogEntry): void;
  /** Writes what is held back. */
  flush(): void;
}

/** Parts write at the same time and are read one after the other: lines wait this long to be put in order. */
const orderWindowMs = 150;

/** Reads the form from LOG=, NO_COLOR, FORCE_COLOR and whether the output is a terminal. */
export function logForm(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): LogForm {
  return { json: env.LOG === "json", colors: Boolean(env.FORCE_COLOR) || (isTerminal && !env.NO_COLOR) };
}

/** Merges the lines of all parts by time and writes each with `write`. A line without a time follows its part's last one; lines from before `since` are left out. */
export function createLogStream(
  form: LogForm,
  write: (text: string) => void,
  { since = Number.NEGATIVE_INFINITY } = {},
): LogStream {
  const lastTimes = new Map<string, number>();
  let waiting: { time: number; text: string }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let channelError: { entry: LogEntry; line: string } | undefined;

  function flush(): void {
    pushChannelError();
    clearTimeout(timer);
    timer = undefined;
    const ready = waiting;
    waiting = [];
    if (ready.length === 0) return;
    // The sort is stable: lines of the same time stay as they came.
    ready.sort((a, b) => a.time - b.time);
    write(ready.map(({ text }) => `${text}\n`).join(""));
  }

  function push(entry: LogEntry, raw: string): void {
    const time = entry.time ?? lastTimes.get(entry.part);
    if ((time ?? 0) < since) return;
    if (time !== undefined) lastTimes.set(entry.part, time);
    const isJson = raw.startsWith("{");
    const text = form.json
      ? isJson
        ? raw
        : entryAsJson(entry, time)
      : showEntry(entry, { colors: form.colors, time });
    waiting.push({ time: time ?? 0, text });
    timer ??= setTimeout(flush, orderWindowMs);
  }

  function pushChannelError(): void {
    if (channelError !== undefined) push(channelError.entry, channelError.line);
    channelError = undefined;
  }

  /** What RabbitMQ says in two lines, of which only the second tells whether it is worth a look. */
  function addOfBroker(entry: LogEntry, line: string): void {
    if (isQuestion(entry)) {
      channelError = undefined;
      return;
    }
    pushChannelError();
    if (!entry.message.startsWith("Channel error on connection ")) {
      push(entry, line);
      return;
    }
    channelError = { entry, line };
    timer ??= setTimeout(flush, orderWindowMs);
  }

  return {
    add(part, line) {
      if (line.trim() === "") return;
      const entry = readLogLine(part, line);
      if (form.json || part !== "rabbitmq") push(entry, line);
      else if (!isHealthCheck(entry)) addOfBroker(entry, line);
    },
    addEntry: (entry) => push(entry, ""),
    flush,
  };
}

/** Connections to the broker that end before anybody logs in: every few seconds somebody looks whether it answers. */
function isHealthCheck({ message }: LogEntry): boolean {
  const isNameless = /^(accepting|closing) AMQP connection /.test(message) && !message.includes("vhost");
  return (
    isNameless ||
    message === "client unexpectedly closed TCP connection" ||
    message.includes(" has a client-provided name")
  );
}

/** A service asks whether a mark is there (see the chassis, amqp-mark.ts), which AMQP answers with an error where it is not. */
function isQuestion({ message }: LogEntry): boolean {
  return /^operation (queue|exchange)\.bind caused .* no exchange '\S+\.(settled|known\.\S+)' in vhost /.test(message);
}
