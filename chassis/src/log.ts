import { writeSync } from "node:fs";
import pino from "pino";
import { currentContext } from "./work-context.ts";

export type Logger = pino.Logger;

/** Levels a service can be set to. */
export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

// Not process.stdout: to ask for that makes a pipe refuse what its reader is slow to take.
const standardOutputFd = 1;

/**
 * Standard output, a line at a time: what a process said before it was killed is there. A line that cannot be written is lost,
 * as it is on a full disk, because a service does its work without its log. pino's own destination would wait for room, and all
 * calls with it.
 */
const standardOutput: pino.DestinationStream = {
  write(line) {
    try {
      writeSync(standardOutputFd, line);
    } catch {}
  },
};

/**
 * Creates the logger of a service: one JSON object a line, with the service's name and, within a call or a message, its
 * trace and span id. Writes to standard output unless a destination is given.
 */
export function createLogger(options: {
  service: string;
  level?: (typeof logLevels)[number];
  destination?: pino.DestinationStream;
}): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level ?? "info",
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin: () => {
      const trace = currentContext()?.trace;
      return trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId };
    },
  };
  return pino(settings, options.destination ?? standardOutput);
}

/** A logger that says nothing, for tests. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}
