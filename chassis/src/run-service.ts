import { ConfigError } from "./config.ts";
import type { Service } from "./service-host.ts";

/**
 * Runs a service as a process: starts it, stops it in order on SIGTERM or SIGINT and exits with 0. A configuration that
 * is wrong prints every problem and exits with 2, a service that cannot start exits with 1, and so does one that throws
 * where nothing catches: it is better started again than kept in an unknown state.
 */
export async function runService(create: () => Promise<Service>): Promise<void> {
  let service: Service;
  try {
    service = await create();
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
  const { log, stopTimeMaxMs } = service;

  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "uncaught error");
    process.exit(1);
  });

  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    setTimeout(() => {
      log.error(`not stopped after ${stopTimeMaxMs} ms`);
      process.exit(1);
    }, stopTimeMaxMs).unref();
    await service.stop();
    log.info("stopped");
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));

  try {
    log.info(await service.start(), "serving");
  } catch (error) {
    log.fatal({ err: error }, "cannot start");
    process.exit(1);
  }
}
