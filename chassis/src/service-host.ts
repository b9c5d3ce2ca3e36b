import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createRemoteKeySet, type KeySet } from "./auth/key-set.ts";
import { createTokenVerifier } from "./auth/token-verifier.ts";
import { createAmqpBroker } from "./broker/amqp-broker.ts";
import type { Broker } from "./broker/broker.ts";
import type { MessageHandler } from "./broker/on-event.ts";
import { loadContract } from "./contract.ts";
import { createEventFlow } from "./event-flow.ts";
import { eventCatalog } from "./events/catalog.ts";
import { topologyOf } from "./events/topology.ts";
import { failPoint } from "./fail-point.ts";
import type { Logger } from "./log.ts";
import { createAdmission } from "./rpc/admission.ts";
import { createGrpcServer } from "./rpc/grpc-server.ts";
import { createHttpServer } from "./rpc/http-server.ts";
import type { ServiceRegistration } from "./rpc/implement.ts";
import { createInterceptors } from "./rpc/interceptors.ts";
import type { CoreOverrides, ServiceCore } from "./service-core.ts";
import { createStatusPages } from "./status-pages.ts";
import { createLeaderLock } from "./storage/leader-lock.ts";
import { startTracing, type Tracing } from "./telemetry/open-telemetry.ts";
import type { Worker } from "./worker.ts";

/** A service that can run. */
export interface Service {
  readonly log: Logger;
  /** Starts everything; resolves with the ports it listens on once it serves. */
  start(): Promise<{ rpcPort: number; httpPort: number }>;
  /**
   * Stops in order: health says so while calls are still served, no new calls, calls and messages under way end, last
   * events go out, the database closes.
   */
  stop(): Promise<void>;
  /** After this long a stop that hangs can be ended by force: what is committed stays, everything else is repeated. */
  readonly stopTimeMaxMs: number;
}

/** What a test may put in place of the real parts of a service. */
export interface ServiceOverrides extends CoreOverrides {
  /** Instead of RabbitMQ at AMQP_URL. */
  readonly broker?: Broker;
  /** Instead of the keys behind JWKS_URL. */
  readonly keySet?: KeySet;
}

/** What a service brings to its host. */
export interface ServiceParts extends Pick<ServiceOverrides, "broker" | "keySet"> {
  readonly registrations: readonly ServiceRegistration[];
  /** Handlers of exactly those events that the contract makes the service consume. */
  readonly handlers: Iterable<readonly [type: string, handler: MessageHandler]>;
  /** What runs in one process of the service at a time. */
  readonly workers?: readonly Worker[];
  /**
   * Whether the claims of requests are kept for ever instead of a week: where nothing else tells a repeated request from a new
   * one, and what each of them made is kept, too. A clock that is wrong for a while then makes nobody do it twice.
   */
  readonly keepsClaims?: boolean;
  /** Called last, to close what the service opened itself. */
  readonly close?: () => Promise<void> | void;
}

/** What is left for messages and events when calls have ended. */
const lastWorkMaxMs = 5_000;

/** The exchange that all events of the system go through, and the domain of the reasons in all errors. */
const exchange = "shop.events";
const errorDomain = "quartet";

/**
 * Puts a service together: its own parts, and round them the two wires, the broker with relay and consumer, the keys and
 * the status pages. Nothing runs before start().
 */
export function createServiceHost(core: ServiceCore, parts: ServiceParts): Service {
  const { name, config, log, metrics, now, database } = core;
  const { registrations } = parts;
  const contract = loadContract();
  const catalog = eventCatalog(contract.registry.files);
  const topology = topologyOf(catalog, { service: name, exchange });

  const onError = (error: unknown) => log.error({ err: error }, "cannot try to lead: relay, timers and clean-up wait");
  const leader = createLeaderLock({ file: database.file, onError });
  const broker = parts.broker ?? createAmqpBroker({ url: config.amqpUrl, topology, appId: name, log, metrics });
  const { relay, consumer, leading } = createEventFlow(core, { ...parts, broker, leader, catalog });
  metrics.addGauge({
    name: "leader_lock_held",
    help: "1 in the process that runs relay, timers and clean-up of this database, 0 in any other",
    value: () => (leader.isLeader ? 1 : 0),
  });

  const cacheFile = join(config.dataDir, `${name}-jwks.json`);
  const keySet = parts.keySet ?? createRemoteKeySet({ url: config.jwksUrl, cacheFile, log, now });
  const { tokenIssuer: issuer, tokenAudience: audience, bindAddress } = config;
  const verifier = createTokenVerifier({ keys: keySet, issuer, audience, now });
  const admission = createAdmission({ callsMax: config.callsMax, log, metrics, domain: errorDomain });
  const interceptors = createInterceptors({ log, metrics, verifier, domain: errorDomain, now });
  const grpcServer = createGrpcServer({
    registrations,
    interceptors,
    admission,
    bindAddress,
    port: config.rpcPort,
    contract: contract.descriptorSet,
    log,
    implementation: config.grpcServer,
  });
  let isServing = false;
  let tracing: Tracing | undefined;
  const httpServer = createHttpServer({
    registrations,
    interceptors,
    admission,
    bindAddress,
    port: config.httpPort,
    pages: createStatusPages(core, { broker, keySet, isServing: () => isServing }),
    log,
  });

  return {
    log,
    stopTimeMaxMs: config.drainDelayMs + config.shutdownGraceMs + lastWorkMaxMs,

    async start() {
      tracing = await startTracing({ service: name, endpoint: config.otlpEndpoint, log });
      keySet.start();
      broker.start();
      leader.start();
      failPoint("start.before-listen");
      const [{ port: rpcPort }, { port: httpPort }] = await Promise.all([grpcServer.start(), httpServer.start()]);
      failPoint("start.after-listen");
      consumer.start();
      relay.start();
      leading.start();
      isServing = true;
      grpcServer.setServing(true);
      failPoint("start.after-serving");
      return { rpcPort, httpPort };
    },

    async stop() {
      const wasServing = isServing;
      isServing = false;
      grpcServer.setServing(false);
      failPoint("stop.before-drain");
      // Whoever balances over several instances learns it from health checks, and until then goes on calling.
      if (wasServing) await delay(config.drainDelayMs);
      await Promise.all([grpcServer.stop(config.shutdownGraceMs), httpServer.stop(config.shutdownGraceMs)]);
      failPoint("stop.after-calls");
      await consumer.stop();
      failPoint("stop.after-consumer");
      await leading.stop();
      failPoint("stop.after-workers");
      await relay.stop();
      failPoint("stop.after-relay");
      await broker.stop();
      failPoint("stop.after-broker");
      keySet.stop();
      await leader.stop();
      failPoint("stop.after-leader");
      await parts.close?.();
      await database.close();
      failPoint("stop.after-database");
      await tracing?.stop();
    },
  };
}
