/** An event on its way out: written to the outbox in the transaction that makes it true. */
export interface OutgoingEvent {
  /** Unique for ever; receivers know a repeated event by it. */
  readonly id: string;
  /** Full name of the protobuf message, which is also the routing key. */
  readonly type: string;
  /** Resource name of what the event is about, such as "things/1". Order is promised within one aggregate. */
  readonly aggregate: string;
  /** Version of the aggregate after the event, from 1. */
  readonly version: number;
  /** The encoded protobuf message. */
  readonly payload: Uint8Array;
}

/** An event as it arrives from the broker or from the inbox. */
export interface IncomingMessage {
  /** The event's id: the key of the inbox. */
  readonly id: string;
  /** Full name of the protobuf message. */
  readonly type: string;
  /** Resource name of what the event is about. */
  readonly aggregate: string;
  /** Version of the aggregate after the event. */
  readonly version: number;
  /** The encoded protobuf message. */
  readonly payload: Uint8Array;
  /** When the event was recorded by its sender, ms since the epoch. */
  readonly time: number;
  /** W3C trace context of the event's cause. */
  readonly traceparent?: string;
  /** W3C trace state of the event's cause. */
  readonly tracestate?: string;
  /** Whether an earlier delivery may have started: such a message runs in a transaction of its own. */
  readonly redelivered: boolean;
}
