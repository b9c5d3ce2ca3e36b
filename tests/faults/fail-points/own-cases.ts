import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";
import type { FaultShop } from "../fault-shop.ts";
import type { FailPointCase } from "./fail-point-round.ts";
import { cancelled, expired, refunded, settled, userDeleted } from "./order-flows.ts";
import { accounts } from "./record-flows.ts";

const stepDeadline = { STEP_DEADLINE_MS: "1500" };
/** What order-svc's workers say of themselves. */
export const [overdueOrders, ofDeletedUsers] = ["orders that took too long", "open orders of deleted users"];
const transactionPoints = ["transaction.after-work", "transaction.before-commit", "transaction.after-commit"] as const;

/** What only one service does, and what runs by itself. */
export function ownCases(): FailPointCase[] {
  return [...providerCases(), ...sweepCases(), ...keyCases(), ...erasureCases(), ...cleanUpCases()];
}

/** Before and after each kind of call of the provider. Questions are asked only after a first attempt. */
function providerCases(): FailPointCase[] {
  const at = (flow: FailPointCase["flow"], ...deaths: FailPointCase["deaths"]): FailPointCase => {
    return { service: "payment-svc", deaths, flow };
  };
  return [
    at(settled, "provider.before-capture"),
    at(settled, "provider.after-capture"),
    at(settled, "provider.before-capture", "provider.before-find-capture"),
    at(settled, "provider.after-capture", "provider.after-find-capture"),
    at(settled, "provider.before-capture", "provider.after-find-capture", "provider.before-find-capture"),
    at(refunded, "provider.before-refund"),
    at(refunded, "provider.after-refund"),
    at(cancelled, "provider.before-refund"),
    at(cancelled, "provider.after-refund"),
    at(refunded, "provider.before-refund", "provider.before-find-refund"),
    at(refunded, "provider.after-refund", "provider.after-find-refund"),
    at(cancelled, "provider.after-refund", "provider.before-find-refund"),
  ];
}

/** Deadlines, and what deleted users left open. */
function sweepCases(): FailPointCase[] {
  const sweep = ["sweep.after-batch", ...transactionPoints];
  return [
    ...sweep.map((point): FailPointCase => {
      return expiryCase(point);
    }),
    ...sweep.map((point): FailPointCase => {
      return { service: "order-svc", deaths: [`${point}:${ofDeletedUsers}`], flow: userDeleted };
    }),
    // Its orders are cancelled in one transaction and the user is finished in the next.
    { service: "order-svc", deaths: [`transaction.before-commit:${ofDeletedUsers}#2`], flow: userDeleted },
    ...["remove ended sessions", "remove expired sessions"].map((work): FailPointCase => {
      return { service: "user-svc", deaths: [`sweep.after-batch:${work}`], flow: accounts };
    }),
    ...transactionPoints.map((point): FailPointCase => {
      return { service: "user-svc", deaths: [`${point}:remove expired sessions`], flow: accounts };
    }),
  ];
}

/** A death at a moment of an order's expiry. */
export function expiryCase(point: string): FailPointCase {
  return { service: "order-svc", deaths: [`${point}:${overdueOrders}`], flow: expired, env: stepDeadline };
}

/** A death while a service keeps its copy of user-svc's keys, which all others have. */
export function keyFileCase(service: ServiceName, point: string): FailPointCase {
  const whileDown = ({ dataDir }: FaultShop) => rmSync(join(dataDir, service, `${service}-jwks.json`), { force: true });
  return { service, deaths: [point], flow: settled, whileDown };
}

function keyCases(): FailPointCase[] {
  const services: ServiceName[] = ["product-svc", "order-svc", "payment-svc"];
  return services.flatMap((service) => [
    keyFileCase(service, "key-file.before-rename"),
    keyFileCase(service, "key-file.after-rename"),
  ]);
}

/** The start after an account was deleted rewrites the file. */
function erasureCases(): FailPointCase[] {
  return ["erasure.before-vacuum", "erasure.after-vacuum"].map((point) => ({
    service: "user-svc",
    deaths: [point],
    flow: accounts,
    prepare: userDeleted,
  }));
}

/** What the events are about that {@link cleanUpCase} makes up: nothing has happened there. */
export const madeUpAggregate = "made-up-things/1";

/** A death while a service removes what is old enough: more events that went out long ago than go in one slice. */
export function cleanUpCase(service: ServiceName): FailPointCase {
  const whileDown = ({ change }: FaultShop) =>
    change(
      service,
      `WITH RECURSIVE old (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM old WHERE number < 250)
       INSERT INTO outbox (event_id, type, aggregate, version, payload, create_time, sent_time)
       SELECT 'old-' || number, 'shop.old.v1.Old', '${madeUpAggregate}', number, x'', 1, 1 FROM old`,
    );
  return { service, deaths: ["clean-up.after-slice"], flow: settled, whileDown };
}

function cleanUpCases(): FailPointCase[] {
  return (["user-svc", "product-svc", "order-svc", "payment-svc"] as const).map(cleanUpCase);
}
