import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@quartet/chassis/domain-error";
import { type PageTokens, readPage } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { callerOf, ownsOrAdmin, userOf } from "@quartet/chassis/rpc/caller";
import type { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import type { PaymentQueries } from "../app/ports.ts";
import { toPaymentMessage } from "./payment-message.ts";

/** Creates the implementation of PaymentService. Who may call what is the contract's policy, enforced before it. */
export function createPaymentServiceImpl(deps: {
  queries: PaymentQueries;
  pageTokens: PageTokens;
}): ServiceImpl<typeof PaymentService> {
  const { queries, pageTokens } = deps;
  return {
    async getPayment({ name }, context) {
      const payment = await queries.get(fromName("payments", name));
      // The payment of someone else and a missing one are the same to the caller.
      if (payment === undefined || !ownsOrAdmin(callerOf(context), payment.userId)) {
        const metadata = { payment: name };
        throw new DomainError("not_found", "PAYMENT_NOT_FOUND", `${name} does not exist`, { metadata });
      }
      return toPaymentMessage(payment);
    },

    async listPayments(request, context) {
      const { userId } = userOf(context);
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "payments", userId },
        read: (afterId: string | undefined, limit) => queries.list({ userId, afterId, limit }),
        cursorOf: (payment) => payment.id,
      });
      return { payments: items.map(toPaymentMessage), nextPageToken };
    },
  };
}
