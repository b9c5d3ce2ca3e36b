import { createFileRegistry, type DescExtension, type DescMethod, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** A REST binding of a method: verb and path template as in `google.api.http`. */
export interface Binding {
  readonly verb: string;
  readonly template: string;
  /** What the body is: a field of the request, "*" for all that the path leaves, "" for none. */
  readonly body: string;
}

/** What the gateway has to know about a method: its place, and its policy from the contract. */
export interface Method {
  /** Full name of the service, as in "shop.order.v1.OrderService". */
  readonly service: string;
  readonly name: string;
  /** Native path, `/package.Service/Method`. */
  readonly path: string;
  /** Name of the folder, the host and the cluster of the service, as in "order-svc". */
  readonly upstream: string;
  readonly access: "public" | "user" | "owner" | "admin" | "internal";
  readonly idempotency: "no_side_effects" | "idempotent" | "request_id" | "none";
  readonly rateClass: "read" | "write" | "credential";
  readonly deadlineMs: number;
  readonly serverStreaming: boolean;
  readonly bindings: readonly Binding[];
}

interface Policy {
  readonly access: number;
  readonly idempotency: number;
  readonly rateClass: number;
  readonly deadlineMs: number;
}

interface HttpRule {
  readonly pattern: { readonly case: string | undefined; readonly value?: string | { kind: string; path: string } };
  readonly body: string;
  readonly additionalBindings: readonly HttpRule[];
}

const accesses = [undefined, "public", "user", "owner", "admin", "internal"] as const;
const idempotencies = [undefined, "no_side_effects", "idempotent", "request_id", "none"] as const;
const rateClasses = [undefined, "read", "write", "credential"] as const;

/**
 * Reads every method of our own packages (`shop.<noun>.v1`) from the contract's descriptor set, in the order of the
 * contract. Throws when a method has no policy, or one this tool does not know.
 */
export function readMethods(contract: Uint8Array): Method[] {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, contract));
  const extension = (name: string): DescExtension => {
    const found = registry.getExtension(name);
    if (found === undefined) throw new Error(`the contract does not hold ${name}`);
    return found;
  };
  const policyOption = extension("shop.options.v1.policy");
  const httpOption = extension("google.api.http");

  const methods: Method[] = [];
  for (const file of registry.files) {
    const noun = /^shop\.(\w+)\.v\d+$/.exec(file.proto.package)?.[1];
    if (noun === undefined) continue;
    for (const service of file.services) {
      for (const method of service.methods) {
        methods.push(describe(method, `${noun.replaceAll("_", "-")}-svc`, policyOption, httpOption));
      }
    }
  }
  return methods;
}

function describe(
  method: DescMethod,
  upstream: string,
  policyOption: DescExtension,
  httpOption: DescExtension,
): Method {
  const service = method.parent.typeName;
  const policy = getOption(method, policyOption) as Policy;
  const access = accesses[policy.access];
  const idempotency = idempotencies[policy.idempotency];
  const rateClass = rateClasses[policy.rateClass];
  if (access === undefined || idempotency === undefined || rateClass === undefined || policy.deadlineMs <= 0) {
    throw new Error(`${service}.${method.name} has no complete policy`);
  }
  return {
    service,
    name: method.name,
    path: `/${service}/${method.name}`,
    upstream,
    access,
    idempotency,
    rateClass,
    deadlineMs: policy.deadlineMs,
    serverStreaming: method.methodKind === "server_streaming",
    bindings: bindingsOf(getOption(method, httpOption) as HttpRule),
  };
}

function bindingsOf({ pattern, body, additionalBindings }: HttpRule): Binding[] {
  const { case: kind, value } = pattern;
  const own =
    kind === undefined || value === undefined
      ? []
      : [
          typeof value === "string"
            ? { verb: kind.toUpperCase(), template: value, body }
            : { verb: value.kind, template: value.path, body },
        ];
  return [...own, ...additionalBindings.flatMap(bindingsOf)];
}
