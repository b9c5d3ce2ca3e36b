import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createLogger } from "@quartet/chassis/log";
import { createGrpcTransport } from "@quartet/chassis/rpc/client/grpc-transport";
import type { BrokerStage } from "@quartet/chassis/testing/broker-stages";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { type OrderConfig, readOrderConfig } from "../config.ts";
import { createService } from "../service.ts";
import { brokerOn } from "./neighbours.ts";

/** order-svc on ports of its own. */
export interface RunningService {
  /** Calls it by gRPC as ada. */
  readonly client: Client<typeof OrderService>;
  /** Address of its HTTP port. */
  readonly httpUrl: string;
  /** An access token of ada. */
  readonly token: string;
  stop(): Promise<void>;
}

/** A folder for the files of a service that is stopped and started again. */
export interface ServiceHome {
  readonly dataDir: string;
  start(stage: BrokerStage, config?: Partial<OrderConfig>): Promise<RunningService>;
  /** Stops what still runs and removes the folder. */
  remove(): Promise<void>;
}

/** Creates a home in a temporary folder. Its tokens stay good across restarts. */
export function createServiceHome(options: { now: () => number }): ServiceHome {
  const dataDir = mkdtempSync(join(tmpdir(), "order-svc-"));
  const tokens = createTestTokens(options);
  const running = new Set<RunningService>();

  return {
    dataDir,
    async start(stage, changes = {}) {
      // Nobody listens on port 1: product-svc is away unless a test says where it is.
      const config = {
        ...readOrderConfig({ DATA_DIR: dataDir, RPC_PORT: "0", HTTP_PORT: "0", PRODUCT_SVC_TARGET: "127.0.0.1:1" }),
        ...changes,
      };
      const service = await createService(config, {
        ...options,
        broker: brokerOn(stage, "order-svc"),
        keySet: tokens.keySet,
        log: createLogger({ service: "order-svc", level: "silent" }),
      });
      const { rpcPort, httpPort } = await service.start();
      const token = await tokens.sign({ userId: "ada", expiresInMs: 86_400_000 });
      const transport = createGrpcTransport({
        target: `127.0.0.1:${rpcPort}`,
        services: [OrderService],
        interceptors: [
          (next) => (request) => {
            request.header.set("authorization", `Bearer ${token}`);
            return next(request);
          },
        ],
      });
      const started: RunningService = {
        client: createClient(OrderService, transport),
        httpUrl: `http://127.0.0.1:${httpPort}`,
        token,
        async stop() {
          running.delete(started);
          transport.close();
          await service.stop();
        },
      };
      running.add(started);
      return started;
    },
    async remove() {
      for (const service of running) await service.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
