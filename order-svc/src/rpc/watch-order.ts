import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchOrderResponseSchema } from "@quartet/proto/shop/order/v1/order_service_pb";
import { orderNotFound } from "../app/cancel-order.ts";
import type { OrderQueries, TimelineWatches } from "../app/ports.ts";
import { isSettled } from "../domain/is-settled.ts";
import { toOrderEventMessage, toOrderMessage } from "./order-message.ts";

/** Follows an order whose timeline the reader knows up to `afterSequence`, until it is settled or the signal is aborted. */
export type WatchOrder = (watched: {
  orderId: string;
  /** Who watches. */
  userId: string;
  afterSequence: number;
  signal: AbortSignal;
}) => AsyncGenerator<MessageInitShape<typeof WatchOrderResponseSchema>, void>;

/** Entries that are read at a time: all that a watch ever holds. */
const pageSize = 50;

/**
 * Creates what answers WatchOrder. A watch knows where its reader is, and reads on from there whenever it is told that there
 * may be more: so no entry is sent twice or left out, however the news come, and a slow reader holds up only itself. When
 * nothing was sent for `heartbeatMs`, or at all, an empty response shows that the stream lives. Throws resource_exhausted
 * TOO_MANY_WATCHES.
 */
export function createWatchOrder(deps: {
  queries: Pick<OrderQueries, "progress">;
  watches: TimelineWatches;
  heartbeatMs: number;
}): WatchOrder {
  const { queries, watches, heartbeatMs } = deps;
  return async function* ({ orderId, userId, afterSequence, signal }) {
    // Opened before the first look, so that nothing is missed in between.
    const watch = watches.open(orderId, userId);
    try {
      let cursor = afterSequence;
      // With nothing to send, the first response is empty: the reader's client waits for it, to say that it is connected.
      let sendTime = Number.NEGATIVE_INFINITY;
      for (;;) {
        const { order, entries } = await queries.progress({ orderId, afterSequence: cursor, limit: pageSize });
        if (order === undefined) throw orderNotFound(orderId);
        for (const entry of entries) {
          yield { orderEvent: toOrderEventMessage(orderId, entry) };
          cursor = entry.sequence;
        }
        if (entries.length > 0) {
          sendTime = performance.now();
          // A slow reader may have taken its time: the last response tells how things are when nothing more is to come.
          continue;
        }
        if (isSettled(order)) {
          yield { last: true, order: toOrderMessage(order) };
          return;
        }
        const quietMs = performance.now() - sendTime;
        if (quietMs >= heartbeatMs) {
          yield {};
          sendTime = performance.now();
          continue;
        }
        await watch.changed({ lastSequence: order.version, timeoutMs: heartbeatMs - quietMs, signal });
      }
    } finally {
      watch.close();
    }
  };
}
