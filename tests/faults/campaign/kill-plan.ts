import { serviceNames } from "../../../tools/stack/stack-config.ts";
import type { PartName } from "../../e2e/system.ts";
import { seededRandom } from "../random.ts";

/** How often each part is killed. */
export interface KillCounts {
  readonly perService: number;
  readonly gateway: number;
  readonly broker: number;
  /** How often a service or the broker is frozen for a while instead, and then goes on as if nothing had been. */
  readonly freezes: number;
}

/** One moment at which something is killed. */
export interface KillStep {
  /** How many acknowledged checkouts it waits for, so that the kills spread over the campaign however fast it is. */
  readonly afterCheckouts: number;
  /** How much later, so that it hits any moment of them. */
  readonly delayMs: number;
  /** Killed together. */
  readonly parts: readonly PartName[];
  /** After how long the first of them is killed again while it starts. Undefined: not at all. */
  readonly againMs: number | undefined;
  /** For how long it is frozen instead of being killed. Undefined: it is killed. */
  readonly frozenMs: number | undefined;
}

const delayMaxMs = 400;
const togetherShare = 0.15;
const againShare = 0.15;
const againMinMs = 30;
const againMaxMs = 1_500;
/** Also longer than heartbeats and health checks take to give a part up. */
const frozenMinMs = 500;
const frozenMaxMs = 14_000;
/** The kills end before this many checkouts, so that the last ones find load too; and before a tenth of few. */
const lastCheckouts = 40;

/**
 * Plans the kills of a campaign: exactly `counts` of them, in an order, at moments and in company that follow from the
 * seed. Some hit two parts at once, some hit a part again while it starts. Freezes are strewn in.
 */
export function planKills(seed: number, counts: KillCounts, checkouts: number): KillStep[] {
  const random = seededRandom(seed);
  const times = (part: PartName, count: number) => Array.from({ length: count }, () => part);
  const left = random.shuffled([
    ...serviceNames.flatMap((service) => times(service, counts.perService)),
    ...times("envoy", counts.gateway),
    ...times("rabbitmq", counts.broker),
  ]);
  /** Takes the next kill that fits out of those that are left. */
  const take = (fits: (part: PartName) => boolean): PartName | undefined => {
    const index = left.findIndex(fits);
    return index < 0 ? undefined : left.splice(index, 1)[0];
  };
  const kills: Omit<KillStep, "afterCheckouts">[] = [];
  for (let part = take(() => true); part !== undefined; part = take(() => true)) {
    const first = part;
    const second = random.chance(togetherShare) ? take((candidate) => candidate !== first) : undefined;
    // A broker that is killed while it starts says nothing about the shop.
    const again =
      first !== "rabbitmq" && random.chance(againShare) ? take((candidate) => candidate === first) : undefined;
    kills.push({
      frozenMs: undefined,
      delayMs: random.between(0, delayMaxMs),
      parts: second === undefined ? [first] : [first, second],
      againMs: again === undefined ? undefined : random.between(againMinMs, againMaxMs),
    });
  }
  const freezes = Array.from({ length: counts.freezes }, () => ({
    delayMs: random.between(0, delayMaxMs),
    parts: [random.pick([...serviceNames, "rabbitmq" as const])],
    againMs: undefined,
    frozenMs: random.between(frozenMinMs, frozenMaxMs),
  }));
  const steps = random.shuffled([...kills, ...freezes]);
  const every = (checkouts - Math.min(lastCheckouts, checkouts / 10)) / Math.max(1, steps.length);
  return steps.map((step, index) => ({ ...step, afterCheckouts: Math.floor((index + random.next()) * every) }));
}
