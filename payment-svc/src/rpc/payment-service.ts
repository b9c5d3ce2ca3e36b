import type { ServiceImpl } from "@connectrpc/connect";
import { invalidField } from "@quartet/chassis/domain-error";
import { type PageTokens, readPage } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { callerOf, ownsOrAdmin, userOf } from "@quartet/chassis/rpc/caller";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import { type PaymentService, RefundPaymentRequestSchema } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import type { LedgerBalance, LedgerQueries, PaymentQueries } from "../app/ports.ts";
import { paymentNotFound, type RefundPayment } from "../app/refund-payment.ts";
import { toLedgerBalanceMessage } from "./ledger-message.ts";
import { fromMoneyMessage, toPaymentMessage } from "./payment-message.ts";

/** Creates the implementation of PaymentService. Who may call what is the contract's policy, enforced before it. */
export function createPaymentServiceImpl(deps: {
  queries: PaymentQueries;
  ledger: LedgerQueries;
  refundPayment: RefundPayment;
  pageTokens: PageTokens;
}): ServiceImpl<typeof PaymentService> {
  const { queries, ledger, pageTokens } = deps;
  return {
    async getPayment({ name }, context) {
      const paymentId = fromName("payments", name);
      const payment = await queries.get(paymentId);
      // The payment of someone else and a missing one are the same to the caller.
      if (payment === undefined || !ownsOrAdmin(callerOf(context), payment.userId)) throw paymentNotFound(paymentId);
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

    async refundPayment(request, context) {
      const { name, amount, reason } = request;
      const claim = requestClaim(context, RefundPaymentRequestSchema, request);
      if (claim === undefined) {
        throw invalidField(
          "REQUEST_ID_REQUIRED",
          "request_id",
          "is required, or the header idempotency-key in its place",
        );
      }
      const payment = await deps.refundPayment(
        { paymentId: fromName("payments", name), amount: amount && fromMoneyMessage(amount), reason },
        claim,
      );
      return toPaymentMessage(payment);
    },

    async listLedgerBalances(request) {
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "ledgerBalances" },
        read: (after: Pick<LedgerBalance, "currency" | "account" | "asOfEntry"> | undefined, limit) =>
          ledger.balances({ after, limit }),
        // The next page is of the same moment as this one.
        cursorOf: ({ currency, account, asOfEntry }) => ({ currency, account, asOfEntry }),
      });
      return { ledgerBalances: items.map(toLedgerBalanceMessage), nextPageToken };
    },
  };
}
