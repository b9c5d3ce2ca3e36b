import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { type Binding, bindingsOf, type Contract, isObject, methodName } from "./contract-image.ts";
import { boundProblems } from "./field-bounds.ts";

const pageSizeMax = 1_000;
const secretName = /(^|_)(password|passphrase|token|secret|credential|api_key|private_key|pin|cvc|cvv)s?(_|$)/;
const pageTokenName = /(^|_)page_token$/;

const levelOf: Readonly<Record<string, MethodOptions_IdempotencyLevel>> = {
  IDEMPOTENCY_NO_SIDE_EFFECTS: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
  IDEMPOTENCY_IDEMPOTENT: MethodOptions_IdempotencyLevel.IDEMPOTENT,
  IDEMPOTENCY_REQUEST_ID: MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
  IDEMPOTENCY_NONE: MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
};

/**
 * Says what breaks our rules for a contract beyond what buf's lint knows: policies, REST bindings, bounds of requests,
 * pages, events and their consumers, secrets. `services` are the folders of the services there are. Every sentence
 * starts with the full name of the element. Empty when all is well.
 */
export function policyProblems(contract: Contract, services: readonly string[]): readonly string[] {
  return [
    ...contract.methods.flatMap((method) => methodProblems(contract, method)),
    ...contract.methods.flatMap((method) => restProblems(contract, method)),
    ...sharedBindingProblems(contract),
    ...new Set(contract.methods.flatMap((method) => boundProblems(contract, method.input))),
    ...eventProblems(contract, services),
    ...contract.messages.flatMap((message) => secretProblems(contract, message)),
  ];
}

function methodProblems(contract: Contract, method: DescMethod): string[] {
  const name = methodName(method);
  const policy = contract.option(method, "shop.options.v1.policy");
  if (!isObject(policy)) return [`${name} has no policy`];
  const problems: string[] = [];
  for (const [field, json] of [
    ["access", "access"],
    ["idempotency", "idempotency"],
    ["rate_class", "rateClass"],
  ] as const) {
    if (policy[json] === undefined) problems.push(`${name} has no ${field} in its policy`);
  }
  if (policy.access === "ACCESS_INTERNAL") {
    problems.push(`${name} has ACCESS_INTERNAL, which waits until services have an identity of their own`);
  }
  if (!(Number(policy.deadlineMs ?? 0) > 0)) problems.push(`${name} needs a deadline_ms above 0 in its policy`);
  if (typeof policy.idempotency === "string") {
    const level = levelOf[policy.idempotency];
    if (level !== undefined && level !== method.idempotency) {
      problems.push(
        `${name} has ${policy.idempotency} and idempotency_level ${MethodOptions_IdempotencyLevel[method.idempotency]}: ` +
          `they go with ${MethodOptions_IdempotencyLevel[level]}`,
      );
    }
    if (policy.idempotency === "IDEMPOTENCY_REQUEST_ID" && !hasRequestId(contract, method.input)) {
      problems.push(`${name} has IDEMPOTENCY_REQUEST_ID, but its request has no string request_id with the rule uuid`);
    }
  }
  return [...problems, ...pageProblems(contract, method)];
}

function hasRequestId(contract: Contract, request: DescMessage): boolean {
  const field = fieldOf(request, "request_id");
  const rules = ruleOf(contract, field, "string");
  return field?.fieldKind === "scalar" && field.scalar === ScalarType.STRING && rules?.uuid === true;
}

function pageProblems(contract: Contract, method: DescMethod): string[] {
  const { input, output } = method;
  const isPage =
    /^(List|Search)/.test(method.name) ||
    [fieldOf(input, "page_size"), fieldOf(input, "page_token"), fieldOf(output, "next_page_token")].some(Boolean);
  if (!isPage || method.methodKind !== "unary") return [];
  const problems: string[] = [];
  const size = ruleOf(contract, fieldOf(input, "page_size"), "int32");
  if (!(Number(size?.gte) >= 0 && Number(size?.lte) <= pageSizeMax)) {
    problems.push(`${input.typeName} needs an int32 page_size from 0 to at most ${pageSizeMax}`);
  }
  if (ruleOf(contract, fieldOf(input, "page_token"), "string")?.maxLen === undefined) {
    problems.push(`${input.typeName} needs a string page_token with max_len`);
  }
  if (fieldOf(output, "next_page_token") === undefined) {
    problems.push(`${output.typeName} needs a next_page_token`);
  }
  return problems;
}

function restProblems(contract: Contract, method: DescMethod): string[] {
  const name = methodName(method);
  const bindings = bindingsOf(contract, method);
  if (bindings.length === 0) return [`${name} has no google.api.http binding`];
  const problems: string[] = [];
  for (const binding of bindings) {
    const isRead = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    if (binding.verb === "GET" && !isRead) problems.push(`${name} is bound to GET, but may have side effects`);
    for (const field of variablesOf(binding)) {
      if (fieldOf(method.input, field) === undefined) {
        problems.push(`${name} has {${field}} in its path, which is no field of ${method.input.typeName}`);
      }
    }
    if (binding.body !== "" && binding.body !== "*" && fieldOf(method.input, binding.body) === undefined) {
      problems.push(`${name} has the body "${binding.body}", which is no field of ${method.input.typeName}`);
    }
  }
  return problems;
}

function sharedBindingProblems(contract: Contract): string[] {
  const owners = new Map<string, string>();
  const problems: string[] = [];
  for (const method of contract.methods) {
    for (const binding of bindingsOf(contract, method)) {
      const key = `${binding.verb} ${binding.path.replaceAll(/\{[^}=]+\}/g, "*").replaceAll(/\{[^}=]+=([^}]+)\}/g, "$1")}`;
      const owner = owners.get(key);
      if (owner !== undefined) problems.push(`${methodName(method)} is bound to ${key}, as ${owner} is`);
      owners.set(key, methodName(method));
    }
  }
  return problems;
}

function variablesOf(binding: Binding): string[] {
  return [...binding.path.matchAll(/\{([^}=.]+)/g)].map((match) => match[1] ?? "");
}

function eventProblems(contract: Contract, services: readonly string[]): string[] {
  const problems: string[] = [];
  for (const message of contract.messages) {
    const event = contract.option(message, "shop.options.v1.event");
    const isInPlace = message.file.proto.name.endsWith("_events.proto") && message.parent === undefined;
    if (event === undefined) {
      if (isInPlace)
        problems.push(`${message.typeName} stands in ${message.file.proto.name} and is not marked as an event`);
      continue;
    }
    if (!isInPlace)
      problems.push(`${message.typeName} is an event and belongs at the top level of a *_events.proto file`);
    const consumers = isObject(event) && Array.isArray(event.consumers) ? event.consumers : [];
    for (const consumer of consumers) {
      if (!services.includes(String(consumer))) {
        problems.push(`${message.typeName} names the consumer "${consumer}", which is not a service here`);
      }
    }
    if (new Set(consumers).size < consumers.length) problems.push(`${message.typeName} names a consumer twice`);
    if (!carriesVersion(message)) problems.push(`${message.typeName} does not carry the version of what it is about`);
  }
  return problems;
}

function carriesVersion(event: DescMessage): boolean {
  const isVersion = (field: DescField) =>
    field.name === "version" && field.fieldKind === "scalar" && field.scalar === ScalarType.INT64;
  return event.fields.some(
    (field) => isVersion(field) || (field.fieldKind === "message" && field.message.fields.some(isVersion)),
  );
}

function secretProblems(contract: Contract, message: DescMessage): string[] {
  return message.fields.flatMap((field) => {
    const holdsText = field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
    if (!holdsText || !secretName.test(field.name) || pageTokenName.test(field.name)) return [];
    if (contract.option(field, "shop.options.v1.sensitive") === true) return [];
    return [`${message.typeName}.${field.name} sounds like a secret and is not marked (shop.options.v1.sensitive)`];
  });
}

function ruleOf(contract: Contract, field: DescField | undefined, kind: string): JsonObject | undefined {
  const rules: JsonValue | undefined = field === undefined ? undefined : contract.option(field, "buf.validate.field");
  const own = isObject(rules) ? rules[kind] : undefined;
  return isObject(own) ? own : undefined;
}

function fieldOf(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name);
}
