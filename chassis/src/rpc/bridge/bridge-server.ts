import type { ServerOptions } from "node:http2";
import { createServer } from "node:net";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type ChannelOptions, Server, ServerCredentials } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import type { GrpcServer, GrpcServerOptions } from "../grpc-server.ts";
import type { RpcLimits } from "../limits.ts";
import { listen, trackSockets } from "../listen.ts";
import { healthFiles } from "../standard-services.ts";
import { addToServer } from "./bridge.ts";
import { guardDoor } from "./door.ts";
import { createStreamLimits } from "./stream-limits.ts";

/** A gRPC server by grpc-js, with the official health and reflection services. See createGrpcServer. */
export function createBridgeServer(options: GrpcServerOptions & { readonly limits: RpcLimits }): GrpcServer {
  const { registrations, interceptors, admission, limits } = options;
  const server = new Server(channelOptions(limits));
  limitCancellations(server, limits);
  for (const registration of registrations) {
    addToServer(server, registration, { interceptors, admission, sendBytesMax: limits.sendBytesMax });
  }
  const serviceNames = ["", ...registrations.map(({ service }) => service.typeName)];
  const health = new HealthImplementation(Object.fromEntries(serviceNames.map((name) => [name, "NOT_SERVING"])));
  health.addToServer(server);
  new ReflectionService(describe(options.contract)).addToServer(server);
  // The sockets are ours, so that a stop can cut them: grpc-js and HTTP/2 close one only when its peer has read everything.
  const { injectConnection } = server.createConnectionInjector(ServerCredentials.createInsecure());
  guardDoor(server, { registrations, admission, streamLimits: createStreamLimits(limits.concurrentStreamsMax) });
  const listener = createServer({ noDelay: true }, injectConnection);
  listener.maxConnections = limits.connectionsMax;
  const cutAll = trackSockets(listener);
  return {
    start: () => listen(listener, options),
    setServing(serving) {
      for (const name of serviceNames) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    },
    async stop(graceMs) {
      const cut = setTimeout(cutAll, graceMs);
      await Promise.all([
        new Promise<void>((resolve) => listener.close(() => resolve())),
        new Promise<void>((resolve) => server.tryShutdown(() => resolve())),
      ]);
      clearTimeout(cut);
    },
  };
}

function channelOptions(limits: RpcLimits): ChannelOptions {
  return {
    "grpc.max_receive_message_length": limits.receiveBytesMax,
    "grpc.max_send_message_length": limits.sendBytesMax,
    "grpc.max_concurrent_streams": limits.concurrentStreamsMax,
    "grpc-node.max_session_memory": limits.sessionMemoryMaxMb,
    "grpc.keepalive_time_ms": limits.keepaliveIntervalMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    // Channelz keeps a record of every call, and nobody reads it.
    "grpc.enable_channelz": 0,
  };
}

// grpc-js has no option for it; it keeps what it makes its HTTP/2 server with in a field of this name.
function limitCancellations(server: Server, limits: RpcLimits): void {
  const { commonServerOptions } = server as unknown as { commonServerOptions: ServerOptions };
  commonServerOptions.streamResetBurst = limits.cancelledAtOnceMax;
  commonServerOptions.streamResetRate = limits.cancelledPerSecondMax;
  commonServerOptions.maxSessionRejectedStreams = limits.refusedByConnectionMax;
}

// File by file, as written: proto-loader's own loader would merge the files of a package into one. Health is described
// too, so that grpcurl can call it.
function describe(contract: Uint8Array): PackageDefinition {
  const files = [...fromBinary(FileDescriptorSetSchema, contract).file, ...healthFiles()];
  const fileDescriptorProtos = files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
  // Reflection reads the files and nothing else of a package definition.
  return { contract: { fileDescriptorProtos } } as unknown as PackageDefinition;
}
