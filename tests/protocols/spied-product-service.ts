import type { ServiceImpl } from "@connectrpc/connect";
import { loadContract } from "@quartet/chassis/contract";
import { DomainError } from "@quartet/chassis/domain-error";
import { silentLogger } from "@quartet/chassis/log";
import { createGrpcServer } from "@quartet/chassis/rpc/grpc-server";
import { implementPartly } from "@quartet/chassis/testing/partial-service";
import { testAdmission, testInterceptors } from "@quartet/chassis/testing/test-server";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";

/** A call as it arrived. */
export interface SeenCall {
  readonly traceparent: string;
  /** What was left of the caller's deadline when it was sent, in gRPC's form such as "95m"; null without one. */
  readonly timeout: string | null;
  /** How often the channel had tried the call before. */
  readonly attemptsBefore: number;
}

/** A product-svc that knows every product, answers what order-svc asks, and remembers how it was asked. */
export interface SpiedProductService {
  readonly port: number;
  readonly calls: SeenCall[];
  stop(): Promise<void>;
}

/** What the spies of a test have in common: how many of the next calls are refused, whoever gets them. */
export interface Refusals {
  left: number;
}

/** Starts one on a free port, on the gRPC server that the services run on. */
export async function startSpiedProductService(refusals: Refusals): Promise<SpiedProductService> {
  const calls: SeenCall[] = [];
  const batchGetProducts: ServiceImpl<typeof ProductService>["batchGetProducts"] = ({ names }, { requestHeader }) => {
    calls.push({
      traceparent: requestHeader.get("traceparent") ?? "",
      timeout: requestHeader.get("grpc-timeout"),
      attemptsBefore: Number(requestHeader.get("grpc-previous-rpc-attempts") ?? 0),
    });
    if (refusals.left > 0) {
      refusals.left -= 1;
      throw new DomainError("unavailable", "TEST_REFUSAL", "not now");
    }
    return { products: names.map((name) => ({ name, version: 1n, price: { currency: "EUR", minorUnits: 5n } })) };
  };
  const server = createGrpcServer({
    registrations: [implementPartly(ProductService, { batchGetProducts })],
    interceptors: testInterceptors(),
    admission: testAdmission(),
    bindAddress: "127.0.0.1",
    port: 0,
    contract: loadContract().descriptorSet,
    log: silentLogger(),
  });
  const { port } = await server.start();
  server.setServing(true);
  return { port, calls, stop: () => server.stop(0) };
}
