import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { silentLogger } from "../log.ts";
import { createGrpcTransport } from "../rpc/client/grpc-transport.ts";
import type { Service, ServiceOverrides } from "../service-host.ts";
import type { BrokerStage } from "./broker-stages.ts";
import { brokerOn } from "./neighbour.ts";
import type { TestTokens } from "./test-tokens.ts";

/** A whole service on ports of its own. */
export interface RunningService<S extends DescService> {
  /** Calls it by gRPC, without a token unless the call brings one. */
  readonly client: Client<S>;
  /** What it listens on, on the loopback interface. */
  readonly ports: { readonly grpcPort: number; readonly httpPort: number };
  /** Address of its HTTP port. */
  readonly httpUrl: string;
  /** Calls a method by Connect with a JSON body. */
  post(method: string, body: object, headers?: Record<string, string>): Promise<Response>;
  /** Stops it; a second time does nothing. */
  stop(): Promise<void>;
}

/** A folder for the files of a service that is stopped and started again. */
export interface ServiceHome<S extends DescService> {
  readonly dataDir: string;
  /** Starts the service in this folder, with a view of the broker on the stage. */
  start(stage: BrokerStage, environment?: NodeJS.ProcessEnv): Promise<RunningService<S>>;
  /** Stops what still runs and removes the folder. */
  remove(): Promise<void>;
}

/**
 * Creates a home in a temporary folder. `create` is what main.ts does: it reads a configuration from an environment and
 * creates the service. With `tokens` the service takes their keys for the issuer's, across restarts.
 */
export function createServiceHome<S extends DescService>(options: {
  readonly name: string;
  readonly service: S;
  readonly create: (environment: NodeJS.ProcessEnv, overrides: ServiceOverrides) => Promise<Service>;
  readonly tokens?: TestTokens;
  readonly now?: () => number;
}): ServiceHome<S> {
  const { name, service: contract, now = Date.now } = options;
  const dataDir = mkdtempSync(join(tmpdir(), `${name}-`));
  const running = new Set<RunningService<S>>();

  return {
    dataDir,
    async start(stage, environment = {}) {
      const service = await options.create(
        { DATA_DIR: dataDir, RPC_PORT: "0", HTTP_PORT: "0", ...environment },
        {
          now,
          broker: brokerOn(stage, name),
          log: silentLogger(),
          ...(options.tokens && { keySet: options.tokens.keySet }),
        },
      );
      const { rpcPort, httpPort } = await service.start();
      const httpUrl = `http://127.0.0.1:${httpPort}`;
      const transport = createGrpcTransport({ target: `127.0.0.1:${rpcPort}`, services: [contract] });
      const started: RunningService<S> = {
        client: createClient(contract, transport),
        ports: { grpcPort: rpcPort, httpPort },
        httpUrl,
        post: (method, body, headers = {}) =>
          fetch(`${httpUrl}/${contract.typeName}/${method}`, {
            method: "POST",
            headers: { "content-type": "application/json", ...headers },
            body: JSON.stringify(body),
          }),
        async stop() {
          if (!running.delete(started)) return;
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
