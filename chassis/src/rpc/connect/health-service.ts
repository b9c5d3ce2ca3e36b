import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { ServiceRegistration } from "../implement.ts";
import { healthService, messageFor } from "../standard-services.ts";

const unknown = 0;
const serving = 1;
const notServing = 2;
const serviceUnknown = 3;

/** grpc.health.v1 for a Connect router: Check, Watch and List over the given services and the server (""). */
export function createHealthService(services: readonly string[]): {
  readonly registration: ServiceRegistration;
  setServing(isServing: boolean): void;
} {
  const statuses = new Map(["", ...services].map((name) => [name, notServing]));
  const listeners = new Set<() => void>();
  const service = healthService();
  const answerOf = messageFor(service, "check");
  const listOf = messageFor(service, "list");

  async function* watchStatus(request: unknown, context: HandlerContext) {
    let told: number | undefined;
    while (!context.signal.aborted) {
      const status = statuses.get(serviceIn(request)) ?? serviceUnknown;
      if (status !== told) yield answerOf({ status });
      told = status;
      await changed(context.signal);
    }
  }

  const changed = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const settle = (): void => {
        listeners.delete(settle);
        signal.removeEventListener("abort", settle);
        resolve();
      };
      listeners.add(settle);
      signal.addEventListener("abort", settle);
      if (signal.aborted) settle();
    });

  const implementation = {
    check: async (request: unknown) => {
      const status = statuses.get(serviceIn(request));
      if (status === undefined) throw new ConnectError("unknown service", Code.NotFound);
      return answerOf({ status });
    },
    watch: watchStatus,
    list: async () => {
      const entries = [...statuses].map(([name, status]) => [name, { status: status ?? unknown }]);
      return listOf({ statuses: Object.fromEntries(entries) });
    },
  };
  return {
    registration: { service, implementation } as unknown as ServiceRegistration,
    setServing(isServing) {
      for (const name of statuses.keys()) statuses.set(name, isServing ? serving : notServing);
      for (const listener of [...listeners]) listener();
    },
  };
}

function serviceIn(request: unknown): string {
  return (request as { service: string }).service;
}
