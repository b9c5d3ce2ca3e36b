import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { DomainError } from "@quartet/chassis/domain-error";
import { toConnectError } from "@quartet/chassis/rpc/error-details";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { type Calls, NoAnswerError } from "./calls.ts";

/** product-svc as order-svc calls it, with the errors of a real client. */
export function createRemoteProducts(calls: Calls): Pick<Client<typeof ProductService>, "batchGetProducts"> {
  const method = ProductService.method.batchGetProducts;
  return {
    async batchGetProducts(request, { timeoutMs = 100 } = {}) {
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new ConnectError("too late", Code.DeadlineExceeded)), timeoutMs);
      try {
        return await Promise.race([calls.call(method, create(method.input, request)), late]);
      } catch (error) {
        if (error instanceof NoAnswerError) throw new ConnectError(error.message, Code.Unavailable);
        if (error instanceof DomainError) throw toConnectError(error, "quartet");
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
