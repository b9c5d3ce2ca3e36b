import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import type { ServicePorts } from "../access/running-shop.ts";

/** A connection that has to be closed. */
export interface Connection {
  readonly transport: Transport;
  close(): void;
}

/** One way to call a service. */
export interface Wire {
  readonly name: string;
  /** What serves gRPC in the process that is called. */
  readonly grpcServer: "bridge" | "connect";
  connect(ports: ServicePorts): Connection;
}

function overGrpc({ rpcPort }: ServicePorts): Connection {
  const baseUrl = `http://127.0.0.1:${rpcPort}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  return { transport: createGrpcTransport({ baseUrl, sessionManager }), close: () => sessionManager.abort() };
}

const overHttp =
  (create: (options: { baseUrl: string; httpVersion: "1.1" }) => Transport) =>
  ({ httpPort }: ServicePorts): Connection => ({
    transport: create({ baseUrl: `http://127.0.0.1:${httpPort}`, httpVersion: "1.1" }),
    close: () => {},
  });

const asJson = { useBinaryFormat: false };

/** All wires; the first is the one the others are compared with. */
export const wires: readonly [Wire, ...Wire[]] = [
  { name: "gRPC by the bridge", grpcServer: "bridge", connect: overGrpc },
  { name: "gRPC by connect-node", grpcServer: "connect", connect: overGrpc },
  { name: "Connect in binary", grpcServer: "bridge", connect: overHttp(createConnectTransport) },
  {
    name: "Connect in JSON",
    grpcServer: "bridge",
    connect: overHttp((options) => createConnectTransport({ ...options, ...asJson })),
  },
  {
    name: "Connect in JSON with GET",
    grpcServer: "bridge",
    connect: overHttp((options) => createConnectTransport({ ...options, ...asJson, useHttpGet: true })),
  },
  { name: "gRPC-Web", grpcServer: "bridge", connect: overHttp(createGrpcWebTransport) },
  {
    name: "gRPC-Web in JSON",
    grpcServer: "bridge",
    connect: overHttp((options) => createGrpcWebTransport({ ...options, ...asJson })),
  },
  {
    name: "Connect in binary beside connect-node's gRPC",
    grpcServer: "connect",
    connect: overHttp(createConnectTransport),
  },
];
