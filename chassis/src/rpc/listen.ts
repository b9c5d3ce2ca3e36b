import type { Server, Socket } from "node:net";

/** Listens on an address. Resolves to the port, rejects with the reason why not. */
export function listen(
  server: Server,
  options: { readonly bindAddress: string; readonly port: number },
): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.bindAddress, () => {
      server.off("error", reject);
      const address = server.address();
      resolve({ port: typeof address === "object" && address !== null ? address.port : options.port });
    });
  });
}

/** Keeps track of a server's connections; what it returns cuts all there are, whatever is on its way through them. */
export function trackSockets(server: Server): () => void {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}
