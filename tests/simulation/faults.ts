import type { Random } from "./random.ts";
import type { SimulatedShop } from "./shop.ts";
import type { SimulatedService } from "./simulated-service.ts";
import type { Task, World } from "./world.ts";

/** What goes wrong in one simulation. */
export interface Trouble {
  /** Makes the world as bad as its seed says. */
  begin(): void;
  /** Makes everything well again: from now on nothing fails, and what is down starts. */
  end(): void;
  /** Told of each turn: after some, the process whose turn it was is killed. */
  afterStep(task: Task): void;
  /** How often what went wrong. */
  readonly counts: ReadonlyMap<string, number>;
}

const killsMax = 6;
/** How often a service has a second process on its file. */
const twinProbability = 0.2;
const restartMinMs = 10;
const restartMaxMs = 2_500;
const incidentMinMs = 200;
const incidentMaxMs = 2_500;
const latencyHealthyMs = 0.5;

/** Creates the trouble of one simulation. Each seed leaves some kinds out, so that the others show by themselves. */
export function createTrouble(world: World, shop: SimulatedShop, random: Random): Trouble {
  const { network, broker, calls, services } = shop;
  const operator = world.newProcess("operator");
  const counts = new Map<string, number>();
  const some = (probability: number, max: number): number => (random.chance(probability) ? random.between(0, max) : 0);
  const killRate = some(0.8, 0.012);
  let isOn = false;
  let kills = 0;

  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);

  function kill(service: SimulatedService, process: Task["process"]): void {
    kills += 1;
    count("kills");
    service.kill(process);
    world.after(operator, random.between(restartMinMs, restartMaxMs), `restart of ${service.name}`, service.start);
  }

  /** Something that lasts a while. */
  function incident(): void {
    if (!isOn) return;
    const service = random.pick(services);
    const process = service.processes.length > 0 ? random.pick(service.processes) : undefined;
    const lastsMs = random.between(0, 2_500);
    const kinds: [number, () => void][] = [
      [
        4,
        () => {
          if (process === undefined) return;
          count("disconnects");
          broker.disconnect(process);
        },
      ],
      [
        3,
        () => {
          if (process === undefined) return;
          count("stops");
          world.note(`${process.name} stands still`);
          process.stoppedUntil = world.time + lastsMs;
        },
      ],
      [
        1,
        () => {
          count("outages");
          world.note("the broker goes away");
          broker.setUp(false);
          world.after(operator, lastsMs, "the broker is back", () => broker.setUp(true));
        },
      ],
      [
        1,
        () => {
          count("pauses");
          world.note("the broker asks for a pause");
          broker.setBlocked(true);
          world.after(operator, lastsMs, "the broker goes on", () => broker.setBlocked(false));
        },
      ],
    ];
    random.weighted(kinds)();
    world.after(operator, random.between(incidentMinMs, incidentMaxMs), "incident", incident);
  }

  return {
    counts,
    begin() {
      isOn = true;
      network.faults.latencyMs = random.between(0.3, 30);
      network.faults.slow = some(0.5, 0.05);
      Object.assign(broker.faults, {
        losePublish: some(0.5, 0.05),
        loseConfirm: some(0.5, 0.05),
        refuse: some(0.4, 0.05),
        return: some(0.4, 0.05),
        duplicate: some(0.6, 0.5),
        window: random.pick([1, 3, 10, 100]),
      });
      Object.assign(calls.faults, { loseRequest: some(0.6, 0.1), loseAnswer: some(0.6, 0.1) });
      for (const service of services) if (random.chance(twinProbability)) service.start();
      if (random.chance(0.6)) world.after(operator, random.between(0, incidentMaxMs), "incident", incident);
    },
    end() {
      isOn = false;
      world.note("everything is well again");
      network.faults.latencyMs = latencyHealthyMs;
      network.faults.slow = 0;
      Object.assign(broker.faults, { losePublish: 0, loseConfirm: 0, refuse: 0, return: 0, duplicate: 0 });
      Object.assign(calls.faults, { loseRequest: 0, loseAnswer: 0 });
    },
    afterStep({ process, kind, what }) {
      if (!isOn || kind !== "work" || kills >= killsMax) return;
      // Between the arrival of a message and the commit of its effect is where most can be lost.
      if (!random.chance(what === "delivery" ? 4 * killRate : killRate)) return;
      const service = services.find(({ processes }) => processes.includes(process));
      if (service !== undefined) kill(service, process);
    },
  };
}
