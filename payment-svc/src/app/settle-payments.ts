import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult } from "@quartet/chassis/storage/unit-of-work";
import { cancelPayment } from "../domain/cancel.ts";
import { type NewPayment, openPayment } from "../domain/capture.ts";
import type { Money } from "../domain/payment.ts";
import type { PaymentStore } from "./ports.ts";

/** An order that was cancelled. */
export interface OrderToCancel {
  readonly id: string;
  readonly userId: string;
  /** What it came to, and when it was placed (ms since the epoch): undefined in events of earlier versions. */
  readonly total: Money | undefined;
  readonly placeTime: number | undefined;
}

/**
 * The commands by which the events of an order move its money. They only write: the driver asks the provider. Each has
 * its effect once for each message.
 */
export interface SettlePayments {
  /** Opens the payment of an order that is ready for it. */
  open(input: NewPayment, message: IncomingMessage): Promise<MessageResult>;
  /** Closes the money question of an order that was cancelled: what was captured goes back. */
  cancel(order: OrderToCancel, message: IncomingMessage): Promise<MessageResult>;
}

/**
 * Creates the commands. `onWork` is told for which payment the provider may have to be asked. `restoreTime` is when the
 * payments were last put back from a backup: of orders that were placed before, the provider may know more than they do.
 */
export function createSettlePayments(deps: {
  payments: Pick<PaymentStore, "handle">;
  now: () => number;
  onWork: (paymentId: string) => void;
  restoreTime: number | undefined;
}): SettlePayments {
  const { payments, now, onWork, restoreTime } = deps;
  const mayBeCaptured = ({ placeTime = 0 }: OrderToCancel) => restoreTime !== undefined && placeTime <= restoreTime;
  return {
    async open(input, message) {
      const time = now();
      const result = await payments.handle(input.id, message, (payment) => openPayment(payment, input, time));
      onWork(input.id);
      return result;
    },
    async cancel(order, message) {
      const time = now();
      const { id, userId, total } = order;
      const cancelled = { id, userId, total, mayBeCaptured: mayBeCaptured(order) };
      const result = await payments.handle(order.id, message, (payment) => cancelPayment(payment, cancelled, time));
      onWork(order.id);
      return result;
    },
  };
}
