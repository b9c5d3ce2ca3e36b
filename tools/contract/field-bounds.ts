import { type DescField, type DescMessage, type JsonObject, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { type Contract, isObject } from "./contract-image.ts";

const boundedFormats = [
  "uuid",
  "tuuid",
  "ulid",
  "ip",
  "ipv4",
  "ipv6",
  "ipWithPrefixlen",
  "ipv4WithPrefixlen",
  "ipv6WithPrefixlen",
];

// A value of these types has a bound of its own.
const boundedMessages = new Set(["google.protobuf.Timestamp", "google.protobuf.Empty", "google.protobuf.BoolValue"]);
const openMessages = new Set([
  "google.protobuf.Any",
  "google.protobuf.Struct",
  "google.protobuf.Value",
  "google.protobuf.ListValue",
]);

/**
 * Says of every field that a request carries, nested messages included, what bound it lacks: a longest string, a range
 * of a number, a most of items. Without one, a caller decides how much memory a call costs.
 */
export function boundProblems(contract: Contract, request: DescMessage): readonly string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  const visit = (message: DescMessage) => {
    if (seen.has(message.typeName)) return;
    seen.add(message.typeName);
    for (const field of message.fields) {
      const name = `${message.typeName}.${field.name}`;
      const rules = contract.option(field, "buf.validate.field");
      const problem = problemOf(field, isObject(rules) ? rules : {});
      if (problem !== undefined) problems.push(`${name} ${problem}`);
      const nested = messageOf(field);
      if (nested !== undefined && !nested.typeName.startsWith("google.protobuf.")) visit(nested);
    }
  };
  visit(request);
  return problems;
}

function problemOf(field: DescField, rules: JsonObject): string | undefined {
  if (rules.ignore === "IGNORE_ALWAYS") return "ignores its rules";
  switch (field.fieldKind) {
    case "scalar":
      return scalarProblem(field.scalar, rules);
    case "enum":
      return enumProblem(rules);
    case "message":
      return messageProblem(field.message, rules);
    case "list": {
      const list = object(rules.repeated);
      if (list.maxItems === undefined) return "needs max_items";
      const items = object(list.items);
      if (field.listKind === "scalar") return scalarProblem(field.scalar, items);
      if (field.listKind === "enum") return enumProblem(items);
      return messageProblem(field.message, items);
    }
    case "map": {
      const map = object(rules.map);
      if (map.maxPairs === undefined) return "needs max_pairs";
      const values = object(map.values);
      const key = scalarProblem(field.mapKey, object(map.keys));
      if (key !== undefined) return `${key} for its keys`;
      if (field.mapKind === "scalar") return scalarProblem(field.scalar, values);
      if (field.mapKind === "enum") return enumProblem(values);
      return messageProblem(field.message, values);
    }
  }
}

function scalarProblem(type: ScalarType, rules: JsonObject): string | undefined {
  if (type === ScalarType.BOOL) return undefined;
  const own = object(rules[ScalarType[type].toLowerCase()]);
  if (own.const !== undefined || own.in !== undefined) return undefined;
  if (type === ScalarType.STRING || type === ScalarType.BYTES) {
    const lengths = [own.maxLen, own.len, own.maxBytes, own.lenBytes];
    if (lengths.some((length) => length !== undefined)) return undefined;
    if (boundedFormats.some((format) => own[format] === true)) return undefined;
    return "needs max_len";
  }
  if (own.gt === undefined && own.gte === undefined) return "needs a lower bound (gte or gt)";
  if (own.lt === undefined && own.lte === undefined) return "needs an upper bound (lte or lt)";
  return undefined;
}

function enumProblem(rules: JsonObject): string | undefined {
  const own = object(rules.enum);
  if (own.definedOnly === true || own.const !== undefined || own.in !== undefined) return undefined;
  return "needs enum.defined_only";
}

function messageProblem(message: DescMessage, rules: JsonObject): string | undefined {
  if (openMessages.has(message.typeName)) return `is a ${message.typeName}, which has no bounds`;
  if (!message.typeName.startsWith("google.protobuf.") || boundedMessages.has(message.typeName)) return undefined;
  if (message.typeName === "google.protobuf.FieldMask") {
    const own = object(rules.fieldMask);
    return own.in === undefined && own.const === undefined ? "needs field_mask.in" : undefined;
  }
  if (message.typeName === "google.protobuf.Duration") {
    const own = object(rules.duration);
    const isBounded = (own.gte ?? own.gt) !== undefined && (own.lte ?? own.lt) !== undefined;
    return isBounded || own.const !== undefined || own.in !== undefined ? undefined : "needs a range (gte and lte)";
  }
  // What is left are the wrappers: one scalar named value, under the rules of that scalar.
  const value = message.field.value;
  return value?.fieldKind === "scalar" ? scalarProblem(value.scalar, rules) : undefined;
}

function messageOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === "scalar" || field.fieldKind === "enum" ? undefined : field.message;
}

function object(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}
