import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult } from "@quartet/chassis/storage/unit-of-work";
import { cancelPayment } from "../domain/cancel.ts";
import { type NewPayment, openPayment } from "../domain/capture.ts";
import type { PaymentStore } from "./ports.ts";

/**
 * The commands by which the events of an order move its money. They only write: the driver asks the provider. Each has
 * its effect once for each message.
 */
export interface SettlePayments {
  /** Opens the payment of an order that is ready for it. */
  open(input: NewPayment, message: IncomingMessage): Promise<MessageResult>;
  /** Closes the money question of an order that was cancelled: what was captured goes back. */
  cancel(order: { id: string; userId: string }, message: IncomingMessage): Promise<MessageResult>;
}

/** Creates the commands. `onWork` is told for which payment the provider may have to be asked. */
export function createSettlePayments(deps: {
  payments: Pick<PaymentStore, "handle">;
  now: () => number;
  onWork: (paymentId: string) => void;
}): SettlePayments {
  const { payments, now, onWork } = deps;
  return {
    async open(input, message) {
      const time = now();
      const result = await payments.handle(input.id, message, (payment) => openPayment(payment, input, time));
      onWork(input.id);
      return result;
    },
    async cancel(order, message) {
      const time = now();
      const result = await payments.handle(order.id, message, (payment) => cancelPayment(payment, order, time));
      onWork(order.id);
      return result;
    },
  };
}
