import { type AuditPort, audit } from "../../tools/audit/audit.ts";
import { describeFinding } from "../../tools/audit/finding.ts";
import { rowRules } from "../../tools/audit/plan.ts";
import type { Promises } from "./promises.ts";
import type { SimulatedShop } from "./shop.ts";
import type { ServiceObserver } from "./simulated-service.ts";
import type { World } from "./world.ts";

/** Says what must not have happened, while it happens and at the end. */
export interface Judge extends ServiceObserver {
  /** How many messages have had their effect, each counted for each of its consumers. */
  readonly effectCount: number;
  /** Looks at what the last turn has changed. */
  afterStep(shop: SimulatedShop): void;
  /** Every way in which things are not yet as they must be once nothing is under way any more. */
  disagreements(shop: SimulatedShop, promises: Promises): Promise<readonly string[]>;
}

/** Those rules of the audit that are looked at after each commit: cheap ones, about what must not be wrong for a moment. */
const watchedRules = [
  "stock adds up to what was put in",
  "stock is never negative",
  "debits and credits of each currency are equal",
  "no more is refunded than was captured",
].map((name) => {
  const rule = rowRules.find((candidate) => candidate.name === name && candidate.atRest !== true);
  if (rule === undefined) throw new Error(`the audit has no rule "${name}" that holds at every read`);
  return rule;
});

/** Creates the judge of one simulation. */
export function createJudge(world: World): Judge {
  const changed = new Set<string>();
  const effects = new Map<string, number>();

  return {
    get effectCount() {
      return effects.size;
    },
    committed: (service) => void changed.add(service),
    effect(service, messageId) {
      const key = `${service} ${messageId}`;
      const count = (effects.get(key) ?? 0) + 1;
      effects.set(key, count);
      if (count > 1) world.violate(`I5: message ${messageId} has had its effect in ${service} ${count} times`);
    },
    afterStep(shop) {
      if (changed.size === 0) return;
      for (const { invariant, source, sql } of watchedRules) {
        if (!changed.has(source)) continue;
        for (const { about, what } of shop.query<{ about: string; what: string }>(source, sql)) {
          world.violate(`${invariant} ${source}: ${about}: ${what}`);
        }
      }
      changed.clear();
    },
    async disagreements(shop, promises) {
      const queues = [...shop.broker.depths()].map(([queue, messages]) => ({ queue, messages }));
      const waiting = queues.filter(({ messages }) => messages > 0);
      const first = [...waiting.map(({ queue, messages }) => `I6: ${messages} in ${queue}`), ...promises.broken(shop)];
      if (first.length > 0) return first;
      const port: AuditPort = {
        // A service that the checkout does without is not on the stage, and has no rows.
        read: async (source, queries) =>
          Object.fromEntries(
            Object.entries(queries).map(([name, sql]) => [name, shop.has(source) ? shop.query(source, sql) : []]),
          ),
        queues: async () => queues,
      };
      const report = await audit(port, { now: world.now, acknowledged: promises.orders });
      return [...report.findings, ...report.waiting].map(describeFinding).concat(report.unseen);
    },
  };
}
