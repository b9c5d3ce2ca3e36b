import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { type MethodPolicy, policy } from "@quartet/proto/shop/options/v1/options_pb";

const policies = new WeakMap<DescMethod, MethodPolicy>();

/** The policy that the contract declares for a method. Throws when there is none: such a method must not be served. */
export function policyOf(method: DescMethod): MethodPolicy {
  let known = policies.get(method);
  if (known === undefined) {
    if (!hasPolicy(method)) throw new Error(`${methodPath(method)} has no policy in the contract`);
    known = getOption(method, policy);
    policies.set(method, known);
  }
  return known;
}

/** Whether the contract declares a policy for a method. Health and reflection have none: they are for the machinery. */
export function hasPolicy(method: DescMethod): boolean {
  return hasOption(method, policy);
}

/** A method's full name as gRPC writes it, without the leading slash: `package.Service/Method`. */
export function methodPath(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
