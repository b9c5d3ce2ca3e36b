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
  sessionMemoryMaxMb: 64,
  keepaliveIntervalMs: 30_000,
  keepaliveTimeoutMs: 10_000,
};
