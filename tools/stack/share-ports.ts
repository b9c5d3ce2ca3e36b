import { type ListenOptions, Server } from "node:net";

// `node --import tools/stack/share-ports.ts src/main.ts`: lets a second process of the same user that does the same listen on
// the same ports, so that one can take the other's place without refusing a call. One that was started to take a place
// tells its parent whenever it listens, and ends with it until the parent says that it may stay.

type Listen = (...args: unknown[]) => Server;
const listen = Server.prototype.listen as Listen;

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  if (process.connected) this.once("listening", () => process.connected && process.send?.("listening"));
  const options = listenOptions(args);
  const callback = args.findLast((argument) => typeof argument === "function");
  return options === undefined
    ? listen.apply(this, args)
    : listen.call(this, { ...options, reusePort: true }, callback);
} as typeof Server.prototype.listen;

/** Of `listen(options)` and `listen(port, host)`; undefined for what is no port, such as a pipe. */
function listenOptions([first, second]: unknown[]): ListenOptions | undefined {
  if (typeof first === "number") return { port: first, host: typeof second === "string" ? second : undefined };
  if (typeof first !== "object" || first === null || !("port" in first)) return undefined;
  return first as ListenOptions;
}

const end = () => process.exit(1);
process.once("disconnect", end);
process.once("message", () => {
  process.off("disconnect", end);
  process.disconnect();
});
process.channel?.unref();
