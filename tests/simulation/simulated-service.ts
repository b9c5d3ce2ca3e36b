import type { CommonConfig } from "@quartet/chassis/common-config";
import { createEventFlow } from "@quartet/chassis/event-flow";
import type { EventCatalog } from "@quartet/chassis/events/catalog";
import { topologyOf } from "@quartet/chassis/events/topology";
import { silentLogger } from "@quartet/chassis/log";
import { createMetrics } from "@quartet/chassis/metrics";
import { openServiceCore, type ServiceCore } from "@quartet/chassis/service-core";
import type { ServiceParts } from "@quartet/chassis/service-host";
import type { MigrationSource } from "@quartet/chassis/storage/migrate";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { Calls } from "./calls.ts";
import type { Network } from "./network.ts";
import type { SimulatedBroker } from "./simulated-broker.ts";
import type { Process, World } from "./world.ts";

/** A service, and what its processes are made of. */
export interface ServiceRecipe {
  readonly name: string;
  readonly config: CommonConfig;
  readonly migrations: MigrationSource;
  /** Puts the real parts of the service together for one process. */
  readonly createParts: (core: ServiceCore) => ServiceParts;
}

/** Who is told of what the processes of a service do. */
export interface ServiceObserver {
  /** A unit of work was committed. */
  committed(service: string): void;
  /** The effect of a message was committed. */
  effect(service: string, messageId: string): void;
}

/** A service that runs in one or more simulated processes on one file. */
export interface SimulatedService {
  readonly name: string;
  readonly processes: readonly Process[];
  /** Starts a process of the service. */
  start(): void;
  /** Ends a process as SIGKILL does: what is committed stays, everything else is gone. */
  kill(process: Process): void;
}

const bootTimeMs = 30;

/** Creates a service of which nothing runs yet. */
export function createSimulatedService(deps: {
  world: World;
  network: Network;
  calls: Calls;
  broker: SimulatedBroker;
  catalog: EventCatalog;
  recipe: ServiceRecipe;
  observer: ServiceObserver;
}): SimulatedService {
  const { world, network, calls, broker, catalog, recipe, observer } = deps;
  const { name, config, migrations } = recipe;
  const log = silentLogger();
  const topology = topologyOf(catalog, { service: name, exchange: "shop.events" });
  const leadership = createLeadership(world);
  const cores = new Map<Process, ServiceCore>();
  let lives = 0;

  async function boot(process: Process): Promise<void> {
    const metrics = createMetrics({ service: name });
    const { now, newId } = world;
    const opened = await openServiceCore({ name, config, migrations, now, newId, log, metrics });
    cores.set(process, opened);
    const unitOfWork = observed(opened, observer);
    const core = { ...opened, unitOfWork };
    const parts = recipe.createParts(core);
    const client = broker.client(process, topology);
    const leader = leadership.candidate(process);
    const { consumer, relay, leading } = createEventFlow(core, { ...parts, broker: client, leader, catalog });
    client.start();
    leader.start();
    calls.serve(process, parts.registrations);
    consumer.start();
    relay.start();
    leading.start();
  }

  return {
    name,
    get processes() {
      return [...cores.keys()];
    },
    start() {
      lives += 1;
      const process = world.newProcess(`${name}#${lives}`);
      world.after(process, bootTimeMs, "start", () => {
        world.note("starts");
        return boot(process);
      });
    },
    kill(process) {
      world.note(`${process.name} is killed`);
      process.isAlive = false;
      const untilTime = network.lose(process);
      calls.lose(process);
      broker.lose(process, untilTime);
      cores.get(process)?.database.sqlite.close();
      cores.delete(process);
      leadership.lose(process);
    },
  };
}

/** The unit of work, and word of what it commits and of each message whose effect that was. */
function observed({ name, database, unitOfWork }: ServiceCore, observer: ServiceObserver): UnitOfWork {
  let uncommitted: string[] = [];
  let isDirty = false;
  database.onCommit(() => {
    for (const id of uncommitted) observer.effect(name, id);
    uncommitted = [];
    if (isDirty) observer.committed(name);
    isDirty = false;
  });
  const watched =
    <W>(work: () => W, messageId?: string) =>
    (): W => {
      const done = work();
      isDirty = true;
      if (messageId !== undefined) uncommitted.push(messageId);
      return done;
    };
  return {
    commit: (work) => unitOfWork.commit(watched(work)),
    commitRequest: (claim, work, reload) => unitOfWork.commitRequest(claim, watched(work), reload),
    commitMessage: (message, work) => unitOfWork.commitMessage(message, watched(work, message.id)),
    ignoreMessage: (message) =>
      unitOfWork.commitMessage(
        message,
        watched(() => ({ value: undefined }), message.id),
      ),
  };
}

interface Candidate {
  readonly isLeader: boolean;
  onChange(listener: (leader: boolean) => void): void;
  start(): void;
}

const takeOverMaxMs = 200;

/** The lock of one database file: who has it keeps it until its process ends. */
function createLeadership(world: World) {
  const candidates = new Map<Process, { listeners: ((leader: boolean) => void)[]; wants: boolean }>();
  let leader: Process | undefined;

  /** In the turn of this process: what it does from now on is its own. */
  function tryFor(process: Process): void {
    const own = candidates.get(process);
    if (leader !== undefined || own === undefined || !own.wants) return;
    leader = process;
    for (const listener of own.listeners) listener(true);
  }

  return {
    candidate(process: Process): Candidate {
      const own = { listeners: [] as ((leader: boolean) => void)[], wants: false };
      candidates.set(process, own);
      return {
        get isLeader() {
          return leader === process;
        },
        onChange: (listener) => void own.listeners.push(listener),
        start() {
          own.wants = true;
          tryFor(process);
        },
      };
    },
    lose(process: Process): void {
      candidates.delete(process);
      if (leader !== process) return;
      leader = undefined;
      for (const other of candidates.keys()) {
        world.after(other, world.random.between(0, takeOverMaxMs), "tries for the lock", () => tryFor(other), "timer");
      }
    },
  };
}
