import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ChannelOptions } from "@grpc/grpc-js";
import { Idempotency } from "@quartet/proto/shop/options/v1/options_pb";
import { policyOf } from "../policy.ts";

/** Bounds of a channel. Sizes are bytes, durations milliseconds. */
export interface ChannelLimits {
  readonly sendMaxBytes: number;
  readonly receiveMaxBytes: number;
  /** How often one call is tried at most, the first time included. */
  readonly attemptsMax: number;
  readonly retryDelayMs: number;
  readonly retryDelayMaxMs: number;
  /** Longest wait between two tries to connect: what a restarted neighbour waits until it is found. */
  readonly reconnectDelayMaxMs: number;
  readonly reconnectDelayMs: number;
  readonly resolutionSpacingMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** How often instances are compared, and how long one that fails far more than the others is left out at first. */
  readonly outlierIntervalMs: number;
  readonly outlierEjectionMs: number;
}

/** The bounds that hold where a caller says nothing else. */
export const channelLimits: ChannelLimits = {
  sendMaxBytes: 4_194_304,
  receiveMaxBytes: 4_194_304,
  attemptsMax: 3,
  retryDelayMs: 50,
  retryDelayMaxMs: 500,
  reconnectDelayMs: 100,
  reconnectDelayMaxMs: 1_000,
  resolutionSpacingMs: 1_000,
  keepaliveTimeMs: 20_000,
  keepaliveTimeoutMs: 5_000,
  outlierIntervalMs: 5_000,
  outlierEjectionMs: 5_000,
};

const retryTokensMax = 10;
const retryTokenRatio = 0.1;
const ejectedMaxPercent = 50;
const ejectionFailurePercent = 90;
const ejectionCallsMin = 20;
const ejectionTimeMaxMs = 60_000;

/**
 * The gRPC service config of a channel: round robin with outlier detection, and retries of UNAVAILABLE with back-off and
 * throttling for those methods whose contract says that a repetition is harmless. Throws when a method has no policy.
 */
export function serviceConfigOf(services: readonly DescService[], limits: ChannelLimits = channelLimits): object {
  const name = services
    .flatMap((service) => service.methods)
    .filter(mayRetry)
    .map((method) => ({ service: method.parent.typeName, method: method.name }));
  const retryPolicy = {
    maxAttempts: limits.attemptsMax,
    initialBackoff: durationJson(limits.retryDelayMs),
    maxBackoff: durationJson(limits.retryDelayMaxMs),
    backoffMultiplier: 2,
    retryableStatusCodes: ["UNAVAILABLE"],
  };
  return {
    loadBalancingConfig: [{ outlier_detection: outlierDetection(limits) }],
    methodConfig: name.length === 0 || limits.attemptsMax < 2 ? [] : [{ name, retryPolicy }],
    retryThrottling: { maxTokens: retryTokensMax, tokenRatio: retryTokenRatio },
  };
}

/** The options of a channel with that service config. */
export function channelOptionsOf(services: readonly DescService[], limits: ChannelLimits): ChannelOptions {
  return {
    "grpc.service_config": JSON.stringify(serviceConfigOf(services, limits)),
    "grpc.service_config_disable_resolution": 1,
    "grpc.dns_min_time_between_resolutions_ms": limits.resolutionSpacingMs,
    "grpc.initial_reconnect_backoff_ms": limits.reconnectDelayMs,
    "grpc.max_reconnect_backoff_ms": limits.reconnectDelayMaxMs,
    "grpc.keepalive_time_ms": limits.keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.max_send_message_length": limits.sendMaxBytes,
    "grpc.max_receive_message_length": limits.receiveMaxBytes,
    // Neighbours are reached directly, whatever proxy the environment names for the rest of the world.
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
    "grpc.use_local_subchannel_pool": 1,
  };
}

// A repetition by request_id is harmless too, but only if the request carries one, which the channel cannot see.
function mayRetry(method: DescMethod): boolean {
  const { idempotency } = policyOf(method);
  return idempotency === Idempotency.NO_SIDE_EFFECTS || idempotency === Idempotency.IDEMPOTENT;
}

// Every status other than OK counts as a failure here, business answers included: hence the high bar, the limit to
// half of the instances, and nothing at all for a single one.
function outlierDetection(limits: ChannelLimits): object {
  return {
    interval: duration(limits.outlierIntervalMs),
    base_ejection_time: duration(limits.outlierEjectionMs),
    max_ejection_time: duration(Math.max(ejectionTimeMaxMs, limits.outlierEjectionMs)),
    max_ejection_percent: ejectedMaxPercent,
    failure_percentage_ejection: {
      threshold: ejectionFailurePercent,
      enforcement_percentage: 100,
      minimum_hosts: 2,
      request_volume: ejectionCallsMin,
    },
    child_policy: [{ round_robin: {} }],
  };
}

function duration(milliseconds: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1_000_000 };
}

function durationJson(milliseconds: number): string {
  return `${milliseconds / 1000}s`;
}
