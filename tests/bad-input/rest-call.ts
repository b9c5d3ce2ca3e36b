import { type DescMethod, getOption, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { http } from "@quartet/proto/google/api/annotations_pb";

/** A call of the REST API. */
export interface RestCall {
  readonly verb: string;
  /** With the query. */
  readonly path: string;
  readonly body: JsonValue | undefined;
}

/**
 * Returns the REST call that stands for a request in protobuf's JSON form, by the method's first binding: fields of the
 * path go there, what the binding names as body goes into the body, everything else into the query.
 */
export function restCallOf(method: DescMethod, request: JsonObject): RestCall {
  const rule = getOption(method, http);
  const { case: verb, value: template } = rule.pattern;
  if (verb === undefined || typeof template !== "string") throw new Error(`${method.name} has no REST binding`);
  const rest = structuredClone(request);
  const path = template.replace(/\{([\w.]+)=[^}]*\}/, (_, field: string) => String(take(rest, field.split(".")) ?? ""));
  const call = { verb: verb.toUpperCase(), path };
  if (rule.body === "*") return { ...call, body: rest };
  const body = rule.body === "" ? undefined : take(rest, [jsonName(rule.body)]);
  const query = new URLSearchParams(parametersOf(rest));
  return { ...call, path: query.size === 0 ? path : `${path}?${query}`, body };
}

function take(object: JsonObject, [name = "", ...deeper]: readonly string[]): JsonValue | undefined {
  const key = jsonName(name);
  const value = object[key];
  if (deeper.length > 0) return isObject(value) ? take(value, deeper) : undefined;
  delete object[key];
  return value;
}

function parametersOf(value: JsonObject, prefix = ""): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]): [string, string][] => {
    const name = `${prefix}${key}`;
    if (isObject(inner)) return parametersOf(inner, `${name}.`);
    if (Array.isArray(inner)) return inner.map((item) => [name, String(item)]);
    return [[name, String(inner)]];
  });
}

function jsonName(field: string): string {
  return field.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
