import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ServiceRegistration } from "../rpc/implement.ts";

/**
 * Pairs a generated service with the methods that a test needs of it. All others, those that the contract will get later
 * too, answer UNIMPLEMENTED.
 */
export function implementPartly<S extends DescService>(
  service: S,
  implementation: Partial<ServiceImpl<S>>,
): ServiceRegistration {
  return { service, implementation: implementation as Partial<ServiceImpl<DescService>> };
}
