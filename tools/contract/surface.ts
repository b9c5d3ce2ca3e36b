import { bindingsOf, type Contract, isObject, methodName } from "./contract-image.ts";

/** What callers and consumers see of a contract, but buf's breaking rules do not compare. */
export interface Surface {
  /** By full method name. */
  readonly methods: Readonly<Record<string, MethodSurface>>;
  /** Consumers of each event, by full type name. */
  readonly events: Readonly<Record<string, readonly string[]>>;
  /** Full names of the fields that are never logged. */
  readonly sensitive: readonly string[];
}

export interface MethodSurface {
  /** As in "POST /v1/orders, body *". */
  readonly rest: readonly string[];
  readonly access: string;
  readonly idempotency: string;
  readonly rateClass: string;
  readonly deadlineMs: number;
}

/** Reads the surface off a contract, sorted, so that the same contract always gives the same text. */
export function surfaceOf(contract: Contract): Surface {
  const methods = contract.methods.map((method): [string, MethodSurface] => {
    const value = contract.option(method, "shop.options.v1.policy");
    const policy = isObject(value) ? value : {};
    const rest = bindingsOf(contract, method).map(({ verb, path, body, responseBody }) =>
      [`${verb} ${path}`, body && `body ${body}`, responseBody && `response body ${responseBody}`]
        .filter(Boolean)
        .join(", "),
    );
    const surface = {
      rest,
      access: `${policy.access ?? "none"}`,
      idempotency: `${policy.idempotency ?? "none"}`,
      rateClass: `${policy.rateClass ?? "none"}`,
      deadlineMs: Number(policy.deadlineMs ?? 0),
    };
    return [methodName(method), surface];
  });
  const events = contract.messages.flatMap((message): [string, string[]][] => {
    const event = contract.option(message, "shop.options.v1.event");
    if (event === undefined) return [];
    const consumers = isObject(event) && Array.isArray(event.consumers) ? event.consumers.map(String) : [];
    return [[message.typeName, consumers.sort()]];
  });
  const sensitive = contract.messages.flatMap((message) =>
    message.fields
      .filter((field) => contract.option(field, "shop.options.v1.sensitive") === true)
      .map((field) => `${message.typeName}.${field.name}`),
  );
  return {
    methods: Object.fromEntries(methods.sort(byName)),
    events: Object.fromEntries(events.sort(byName)),
    sensitive: sensitive.sort(),
  };
}

/**
 * Says what the current surface takes from, or changes of, the released one, each in one sentence that begins with the
 * name of the element. Additions and longer deadlines are fine: empty when there is nothing else.
 */
export function surfaceProblems(released: Surface, current: Surface): readonly string[] {
  const problems: string[] = [];
  for (const [name, before] of Object.entries(released.methods)) {
    const now = current.methods[name];
    if (now === undefined) problems.push(`${name} was released and is gone`);
    else problems.push(...methodProblems(name, before, now));
  }
  for (const [name, consumers] of Object.entries(released.events)) {
    const now = current.events[name];
    if (now === undefined) {
      problems.push(`${name} was released as an event and no longer is one`);
      continue;
    }
    for (const consumer of consumers) {
      if (!now.includes(consumer)) problems.push(`${name} was released with the consumer ${consumer} and lost it`);
    }
  }
  for (const field of released.sensitive) {
    if (!current.sensitive.includes(field)) problems.push(`${field} was released as sensitive and no longer is`);
  }
  return problems;
}

function methodProblems(name: string, before: MethodSurface, now: MethodSurface): string[] {
  const problems: string[] = [];
  for (const binding of before.rest) {
    if (!now.rest.includes(binding)) {
      problems.push(`${name} was released as "${binding}" and is now ${quoted(now.rest)}`);
    }
  }
  for (const key of ["access", "idempotency", "rateClass"] as const) {
    if (before[key] !== now[key]) problems.push(`${name} was released with ${before[key]} and now has ${now[key]}`);
  }
  if (now.deadlineMs < before.deadlineMs) {
    problems.push(`${name} was released with a deadline of ${before.deadlineMs} ms and now has ${now.deadlineMs} ms`);
  }
  return problems;
}

function quoted(bindings: readonly string[]): string {
  return bindings.length === 0 ? "not bound at all" : bindings.map((binding) => `"${binding}"`).join(" and ");
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
