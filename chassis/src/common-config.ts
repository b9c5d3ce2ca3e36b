import { integer, oneOf, port, renewable, type Setting, text, url, type Values } from "./config.ts";
import { type FailPoint, readFailPoint } from "./fail-point.ts";
import { logLevels } from "./log.ts";

/** Settings that every service has. A service spreads them into its own. */
export function commonSettings(defaults: { rpcPort: number; httpPort: number }) {
  return {
    rpcPort: port("RPC_PORT", "Port for gRPC", defaults.rpcPort),
    httpPort: port("HTTP_PORT", "Port for Connect, gRPC-Web, health, metrics and keys", defaults.httpPort),
    bindAddress: text("BIND_ADDRESS", "Address to listen on", { fallback: "127.0.0.1" }),
    dataDir: text("DATA_DIR", "Folder of the database and other state, for its owner only; created when missing", {
      fallback: ".data",
    }),
    amqpUrl: renewable(
      url("AMQP_URL", "RabbitMQ, with user and password; or AMQP_URL_FILE, a file with it, read at each connection", {
        protocols: ["amqp:", "amqps:"],
        secret: true,
        fallback: "amqp://guest:guest@127.0.0.1:5672",
      }),
    ),
    jwksUrl: text("JWKS_URL", "Where the keys that sign access tokens are fetched; several by comma", {
      fallback: "http://127.0.0.1:8081/.well-known/jwks.json",
    }),
    tokenIssuer: text("TOKEN_ISSUER", "Issuer that access tokens must name", { fallback: "quartet" }),
    tokenAudience: text("TOKEN_AUDIENCE", "Audience that access tokens must name", { fallback: "quartet" }),
    logLevel: oneOf("LOG_LEVEL", "Least level to log", logLevels, { fallback: "info" }),
    grpcServer: oneOf(
      "GRPC_SERVER",
      "What serves gRPC: grpc-js through the bridge, or connect-node",
      ["bridge", "connect"],
      {
        fallback: "bridge",
      },
    ),
    otlpEndpoint: text(
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OpenTelemetry receiver that spans are sent to; empty sends none",
      {
        fallback: "",
      },
    ),
    callsMax: integer("CALLS_MAX", "How many reads, and how many writes, may be under way at most; see operations", {
      min: 1,
      max: 10_000,
      fallback: "512",
    }),
    drainDelayMs: integer("DRAIN_DELAY_MS", "How long it goes on serving after it says that it stops; see operations", {
      min: 0,
      max: 30_000,
      fallback: "0",
    }),
    shutdownGraceMs: integer("SHUTDOWN_GRACE_MS", "How long calls under way may take when the service stops", {
      min: 0,
      max: 60_000,
      fallback: "5000",
    }),
    failPoint: {
      variable: "FAIL_POINT",
      description:
        "For tests: where the process dies by SIGKILL, as name[:what][#passage]; see chassis/src/fail-point.ts",
      fallback: "",
      secret: false,
      read: readFailPoint,
    } satisfies Setting<FailPoint | undefined>,
  };
}

/** The values of the settings that every service has. */
export type CommonConfig = Values<ReturnType<typeof commonSettings>>;
