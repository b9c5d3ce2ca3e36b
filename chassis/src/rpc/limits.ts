/** What a server takes and gives at most. Every limit has a default; see each field. */
export interface RpcLimits {
  /** Largest request message, after decompression: 1 MiB. */
  readonly receiveBytesMax: number;
  /** Largest response message: 4 MiB, which is what gRPC clients accept by default. */
  readonly sendBytesMax: number;
  /** Connections to one port: 4,096. One more is closed at once. */
  readonly connectionsMax: number;
  /** Calls under way on one connection: 256. */
  readonly concurrentStreamsMax: number;
  /**
   * Calls that one connection may cancel at once, and each second after that, before it is closed with all that are under
   * way on it: 10,000 and 1,000. Node's own, 1,000 and 33, are those of one browser. A gateway cancels for all its callers
   * whose time is up, which are many in an overload.
   */
  readonly cancelledAtOnceMax: number;
  readonly cancelledPerSecondMax: number;
  /**
   * Calls of one connection that are refused for being too many on it before it is closed: never. Node's own are 100 in its
   * life, and it counts cancelled calls that it has not cleared away yet.
   */
  readonly refusedByConnectionMax: number;
  /** Memory that one HTTP/2 connection may use: 64 MB. */
  readonly sessionMemoryMaxMb: number;
  /** How often a silent connection is probed: 30 s. */
  readonly keepaliveIntervalMs: number;
  /** How long the answer to a probe may take before the connection counts as dead: 10 s. */
  readonly keepaliveTimeoutMs: number;
}

/** The limits of a server that is given none. */
export const defaultRpcLimits: RpcLimits = {
  receiveBytesMax: 1024 * 1024,
  sendBytesMax: 4 * 1024 * 1024,
  connectionsMax: 4_096,
  concurrentStreamsMax: 256,
  cancelledAtOnceMax: 10_000,
  cancelledPerSecondMax: 1_000,
  refusedByConnectionMax: 2 ** 32 - 1,
  sessionMemoryMaxMb: 64,
  keepaliveIntervalMs: 30_000,
  keepaliveTimeoutMs: 10_000,
};
