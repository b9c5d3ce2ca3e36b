import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";

/** A service and the functions that answer its methods. Both wires serve the same registrations. */
export interface ServiceRegistration {
  readonly service: DescService;
  readonly implementation: Partial<ServiceImpl<DescService>>;
}

/** Pairs a generated service with its implementation; the compiler holds the one to the other. */
export function implement<S extends DescService>(service: S, implementation: ServiceImpl<S>): ServiceRegistration {
  return { service, implementation: implementation as Partial<ServiceImpl<DescService>> };
}
