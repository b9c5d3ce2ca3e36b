import type { IncomingMessage } from "../storage/messages.ts";

/** An event on its way to the broker. */
export interface BrokerMessage {
  /** The event's id: receivers know a repeated event by it. */
  readonly id: string;
  /** Full name of the protobuf message, which is also the routing key. */
  readonly type: string;
  /** Resource name of what the event is about. */
  readonly aggregate: string;
  /** Version of the aggregate after the event. */
  readonly version: number;
  /** The encoded protobuf message. */
  readonly payload: Uint8Array;
  /** When the event was recorded, ms since the epoch. */
  readonly time: number;
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** A message that cannot be an event of ours, with all that could be made out of it. */
export interface UndecodableMessage {
  /** Message id, if it has one. */
  readonly id?: string;
  /** Type or routing key. */
  readonly type: string;
  readonly payload: Uint8Array;
  /** What is wrong, in one sentence. */
  readonly cause: string;
}

/**
 * What became of a publish. "confirmed": safe in every bound queue, or the event has no declared consumer.
 * "returned": it has one, and no queue took it. "refused": the broker or its limits said no. After the last two the
 * message is not in the broker, or not wherever it belongs, and has to be published again.
 */
export type PublishResult = "confirmed" | "returned" | "refused";

/** The broker cannot take messages now; whether it has taken those under way is unknown. */
export class BrokerUnavailableError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "BrokerUnavailableError";
  }
}

/** What a subscription needs. */
export interface SubscribeOptions {
  readonly queue: string;
  /** How many messages may be under way at once. */
  readonly prefetch: number;
  /** Settles when the message may be acknowledged. After a rejection it is delivered again a little later. */
  readonly deliver: (message: IncomingMessage) => Promise<void>;
  /** Keeps a message that is no event. Same promise as `deliver`. */
  readonly onUndecodable: (message: UndecodableMessage) => Promise<void>;
}

/** Deliveries from one queue, across reconnects. */
export interface Subscription {
  /** Takes no more messages, waits for those under way and for their acknowledgements to be sent. */
  stop(): Promise<void>;
}

/** A service's view of the message broker. Every message arrives at least once, in no promised order. */
export interface Broker {
  /** Starts to connect, in the background and for ever. */
  start(): void;
  /** Whether publishing and every subscription have a connection. */
  readonly connected: boolean;
  /** Whether `publish` has a chance now: connected, and the broker has not asked publishers to pause. */
  readonly publishable: boolean;
  /** Calls listener after every change of `connected` or `publishable`. */
  onStateChange(listener: () => void): void;
  /**
   * Publishes one message at once or not at all: nothing is kept for later. Rejects with BrokerUnavailableError when
   * there is no connection, when it goes before the answer, or while the broker asks publishers to pause.
   */
  publish(message: BrokerMessage): Promise<PublishResult>;
  /**
   * Looks whether the exchange and the queues of the consumers are still those that this service has published to. Where
   * one is new, because the old one was deleted or this is the first time, it calls `sendAgain` with the types of the events
   * that may have been lost with the old one, and takes the new one for complete when that resolves. What vanishes from
   * under a connection ends it, so that it is found new by the next call. Rejects when the broker does not answer.
   */
  fillGaps(sendAgain: (types: readonly string[]) => Promise<void>): Promise<void>;
  /** Delivers the messages of a queue until the subscription is stopped. */
  subscribe(options: SubscribeOptions): Subscription;
  /** Closes the connections, within a bound. Stop subscriptions first. */
  stop(): Promise<void>;
}
