import type { Server } from "node:net";

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
