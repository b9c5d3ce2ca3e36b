import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type ChannelOptions, Server, ServerCredentials } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import type { GrpcServer, GrpcServerOptions } from "../grpc-server.ts";
import type { RpcLimits } from "../limits.ts";
import { healthFiles } from "../standard-services.ts";
import { addToServer } from "./bridge.ts";

/** A gRPC server by grpc-js, with the official health and reflection services. See createGrpcServer. */
export function createBridgeServer(options: GrpcServerOptions & { readonly limits: RpcLimits }): GrpcServer {
  const { registrations, interceptors, limits, bindAddress, port } = options;
  const server = new Server(channelOptions(limits));
  for (const registration of registrations) {
    addToServer(server, registration, { interceptors, sendBytesMax: limits.sendBytesMax });
  }
  const serviceNames = ["", ...registrations.map(({ service }) => service.typeName)];
  const health = new HealthImplementation(Object.fromEntries(serviceNames.map((name) => [name, "NOT_SERVING"])));
  health.addToServer(server);
  new ReflectionService(describe(options.contract)).addToServer(server);
  const addressOf = (at: number): string =>
    bindAddress.includes(":") ? `[${bindAddress}]:${at}` : `${bindAddress}:${at}`;
  let boundPort: number | undefined;
  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.bindAsync(addressOf(port), ServerCredentials.createInsecure(), (error, bound) => {
          if (error !== null) return reject(error);
          boundPort = bound;
          resolve({ port: bound });
        });
      }),
    setServing(serving) {
      for (const name of serviceNames) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    },
    stop: (graceMs) =>
      new Promise((resolve) => {
        // forceShutdown cuts nothing when channelz is off: grpc-js keeps no list of sessions for it then. drain does, and
        // comes first because it overlooks sessions that are closing already.
        if (boundPort !== undefined) server.drain(addressOf(boundPort), graceMs);
        server.tryShutdown(() => resolve());
      }),
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

// File by file, as written: proto-loader's own loader would merge the files of a package into one. Health is described
// too, so that grpcurl can call it.
function describe(contract: Uint8Array): PackageDefinition {
  const files = [...fromBinary(FileDescriptorSetSchema, contract).file, ...healthFiles()];
  const fileDescriptorProtos = files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
  // Reflection reads the files and nothing else of a package definition.
  return { contract: { fileDescriptorProtos } } as unknown as PackageDefinition;
}
