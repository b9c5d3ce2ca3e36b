import { Server } from "node:net";

// `node --import tools/stack/await-ports.ts src/main.ts`: a process that is to take another one's place starts as far as it
// can while that one still serves, and listens on its ports as soon as they are free. Tells its parent when it waits, and
// ends with it until the parent says that it may stay.

const retryIntervalMs = 5;

type Listen = (...args: unknown[]) => Server;
const listen = Server.prototype.listen as Listen;

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  // Given again, it would be called once for each attempt.
  const withoutCallback = args.filter((argument) => typeof argument !== "function");
  const emit = this.emit as (event: string, ...rest: unknown[]) => boolean;
  this.emit = (event: string, ...rest: unknown[]) => {
    const [error] = rest as [NodeJS.ErrnoException | undefined];
    if (event !== "error" || error?.code !== "EADDRINUSE") return emit.call(this, event, ...rest);
    if (process.connected) process.send?.("waiting");
    setTimeout(() => listen.apply(this, withoutCallback), retryIntervalMs);
    return true;
  };
  this.once("listening", () => {
    this.emit = emit;
  });
  return listen.apply(this, args);
} as typeof Server.prototype.listen;

const end = () => process.exit(1);
process.once("disconnect", end);
process.once("message", () => {
  process.off("disconnect", end);
  process.disconnect();
});
process.channel?.unref();
