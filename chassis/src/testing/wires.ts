import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";

/** A transport with connections of its own. */
export interface WireTransport extends Transport {
  close(): void;
}

/** A way for others' clients to call a service. */
export interface Wire {
  readonly name: string;
  /** What has to serve gRPC: the setting GRPC_SERVER. */
  readonly implementation: "bridge" | "connect";
  connect(ports: { readonly grpcPort: number; readonly httpPort: number }): WireTransport;
}

/** Every way that others' clients have, by connect-node's clients: what is ours is only on the other side. */
export const wires: readonly Wire[] = [
  { name: "gRPC by grpc-js", implementation: "bridge", connect: ({ grpcPort }) => overGrpc(grpcPort) },
  { name: "gRPC by connect-node", implementation: "connect", connect: ({ grpcPort }) => overGrpc(grpcPort) },
  {
    name: "Connect over HTTP/1.1",
    implementation: "bridge",
    connect: ({ httpPort }) => overHttp(createConnectTransport({ ...http(httpPort) })),
  },
  {
    name: "Connect over HTTP/1.1 in JSON with GET",
    implementation: "bridge",
    connect: ({ httpPort }) =>
      overHttp(createConnectTransport({ ...http(httpPort), useBinaryFormat: false, useHttpGet: true })),
  },
  {
    name: "gRPC-Web over HTTP/1.1",
    implementation: "bridge",
    connect: ({ httpPort }) => overHttp(createGrpcWebTransport({ ...http(httpPort) })),
  },
];

const http = (port: number) => ({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: "1.1" as const });

function overGrpc(port: number): WireTransport {
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  return { ...createGrpcTransport({ baseUrl, sessionManager }), close: () => sessionManager.abort() };
}

// Node's own agent keeps the connections, and nothing keeps the process alive for them.
function overHttp(transport: Transport): WireTransport {
  return { ...transport, close: () => {} };
}
