import { readFileSync } from "node:fs";

/** One setting: where it comes from, what it means, and how its text is read. */
export interface Setting<T> {
  readonly variable: string;
  readonly description: string;
  /** Text taken when the variable is not set; without one the variable is required. */
  readonly fallback: string | undefined;
  /** Secret: never printed. Can also be given as a file, by the variable with `_FILE` at its end. */
  readonly secret: boolean;
  /**
   * Returns the value, or throws an Error whose message completes "<variable> …". `again` returns the text as it is at the
   * time of the call, which may be later: that in a file changes.
   */
  readonly read: (text: string, again: () => string) => T;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type Values<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** The environment does not make a configuration. Its message lists every problem, one a line. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length} problem(s):\n${problems.map((line) => `  ${line}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Reads all settings from an environment into a frozen object. Throws a ConfigError that lists every problem. */
export function readConfig<S extends Settings>(settings: S, environment: NodeJS.ProcessEnv): Values<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings)) {
    try {
      const again = () => textOf(setting, environment);
      values[key] = setting.read(again(), again);
    } catch (error) {
      problems.push(`${setting.variable} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as Values<S>;
}

function textOf({ variable, description, secret, fallback }: Setting<unknown>, environment: NodeJS.ProcessEnv): string {
  const text = environment[variable];
  if (text !== undefined && text !== "") return text;
  const file = secret ? environment[`${variable}_FILE`] : undefined;
  if (file === undefined || file === "") {
    if (fallback === undefined) throw new Error(`is required: ${description}`);
    return fallback;
  }
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    throw new Error(`cannot be read from the file that ${variable}_FILE names`);
  }
}

/**
 * A secret that may be replaced while the process runs, by writing its file anew. The value is a function that reads it as
 * it is then, and throws what a start would say.
 */
export function renewable<T>(inner: Setting<T>): Setting<() => T> {
  return {
    ...inner,
    read(text, again) {
      inner.read(text, again);
      return () => {
        try {
          return inner.read(again(), again);
        } catch (error) {
          throw new Error(`${inner.variable} ${error instanceof Error ? error.message : String(error)}`);
        }
      };
    },
  };
}

interface SettingOptions {
  readonly fallback?: string;
  readonly secret?: boolean;
}

function setting<T>(
  variable: string,
  description: string,
  options: SettingOptions,
  read: (text: string) => T,
): Setting<T> {
  return { variable, description, fallback: options.fallback, secret: options.secret ?? false, read };
}

/** A text, as it is. */
export function text(variable: string, description: string, options: SettingOptions = {}): Setting<string> {
  return setting(variable, description, options, (value) => value);
}

/** A whole number within bounds, both included. */
export function integer(
  variable: string,
  description: string,
  options: SettingOptions & { min: number; max: number },
): Setting<number> {
  return setting(variable, description, options, (value) => {
    const number = Number(value);
    if (!/^-?\d+$/.test(value) || number < options.min || number > options.max) {
      throw new Error(`must be a whole number from ${options.min} to ${options.max}, is "${value}"`);
    }
    return number;
  });
}

/** A TCP port; 0 lets the system choose. */
export function port(variable: string, description: string, fallback: number): Setting<number> {
  return integer(variable, description, { fallback: String(fallback), min: 0, max: 65_535 });
}

/** One of a few words. */
export function oneOf<const W extends readonly string[]>(
  variable: string,
  description: string,
  words: W,
  options: SettingOptions = {},
): Setting<W[number]> {
  return setting(variable, description, options, (value) => {
    if (!words.includes(value)) throw new Error(`must be one of ${words.join(", ")}, is "${value}"`);
    return value;
  });
}

/** A URL with one of the given protocols, as in `["amqp:", "amqps:"]`. A secret one is not repeated in the message. */
export function url(
  variable: string,
  description: string,
  options: SettingOptions & { protocols: readonly string[] },
): Setting<string> {
  return setting(variable, description, options, (value) => {
    const protocol = URL.canParse(value) ? new URL(value).protocol : "";
    if (!options.protocols.includes(protocol)) {
      throw new Error(`must be a URL that begins with ${options.protocols.map((name) => `${name}//`).join(" or ")}`);
    }
    return value;
  });
}
