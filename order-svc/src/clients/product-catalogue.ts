import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "@quartet/chassis/log";
import { toName } from "@quartet/chassis/resource-name";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import type { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import type { CatalogueAnswer, ProductCatalogue } from "../app/ports.ts";
import { toPricedProduct } from "./product-message.ts";

/** Where an answer is not worth a line in the log: the service is away or slow, which the caller is prepared for. */
const expectedCodes: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.ResourceExhausted];

/**
 * How many orders may wait for a missing price for longer than the others. While they wait they count as work under way: were
 * they many, a product-svc that hangs would have other orders refused.
 */
const patientMax = 8;

/**
 * Creates the view of product-svc's catalogue over RPC. No error of the other service leaves it, and no order waits longer
 * for it than `timeoutMs`, or `missingTimeoutMs` where it cannot do without the answer and only a few others wait like that.
 */
export function createProductCatalogue(deps: {
  client: Pick<Client<typeof ProductService>, "batchGetProducts">;
  log: Pick<Logger, "warn">;
  timeoutMs: number;
  missingTimeoutMs: number;
}): ProductCatalogue {
  let patient = 0;
  return {
    async fetch(productIds, need) {
      const isPatient = need === "missing" && patient < patientMax;
      const timeoutMs = isPatient ? Math.max(deps.timeoutMs, deps.missingTimeoutMs) : deps.timeoutMs;
      if (isPatient) patient++;
      try {
        const names = productIds.map((id) => toName("products", id));
        const { products } = await deps.client.batchGetProducts({ names }, { timeoutMs });
        return { kind: "found", products: products.map(toPricedProduct) };
      } catch (error) {
        return toAnswer(error, productIds, deps.log);
      } finally {
        if (isPatient) patient--;
      }
    },
  };
}

function toAnswer(error: unknown, productIds: readonly string[], log: Pick<Logger, "warn">): CatalogueAnswer {
  const failure = ConnectError.from(error);
  if (failure.code === Code.NotFound) {
    const name = errorInfoOf(failure)?.metadata.product;
    const productId = productIds.find((id) => toName("products", id) === name);
    if (productId !== undefined) return { kind: "unknown", productId };
  }
  if (!expectedCodes.includes(failure.code)) log.warn({ err: failure }, "product-svc answered with an error");
  return { kind: "unavailable" };
}
