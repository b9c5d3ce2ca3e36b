import { loadContract, serviceOf } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { hasPolicy, methodPath, policyOf } from "@quartet/chassis/rpc/policy";
import { Idempotency } from "@quartet/proto/shop/options/v1/options_pb";
import type { ServiceName } from "../../tools/stack/stack-config.ts";
import type { FailPointCase } from "./fail-point-round.ts";
import { cancelled, declined, type Flow, outOfStock, refunded, settled, userDeleted } from "./order-flows.ts";
import { ownCases } from "./own-cases.ts";
import { poison } from "./poison.ts";
import { accounts, products } from "./record-flows.ts";

/** What makes an event of this name happen, and be consumed. */
const flowOfEvent: Readonly<Record<string, Flow>> = {
  OrderPlaced: settled,
  OrderReadyForPayment: settled,
  OrderConfirmed: settled,
  OrderCancelled: cancelled,
  StockReserved: settled,
  StockRejected: outOfStock,
  StockReleased: declined,
  StockSold: settled,
  PaymentCaptured: settled,
  PaymentDeclined: declined,
  PaymentVoided: outOfStock,
  PaymentRefunded: refunded,
  ProductCreated: products,
  ProductUpdated: products,
  ProductArchived: products,
  UserCreated: accounts,
  UserUpdated: accounts,
  UserDeleted: userDeleted,
  PasswordChanged: accounts,
  SessionRevoked: accounts,
};

/** What makes a call of the method of this name. */
const flowOfMethod: Readonly<Record<string, Flow>> = {
  CreateOrder: settled,
  CancelOrder: cancelled,
  RefundPayment: refunded,
  CreateProduct: products,
  AdjustStock: products,
  UpdateProduct: products,
  ArchiveProduct: products,
  CreateUser: accounts,
  UpdateUser: accounts,
  ChangePassword: accounts,
  CreateSession: accounts,
  RefreshSession: accounts,
  DeleteSession: accounts,
  DeleteUser: userDeleted,
};

const publisherPoints = [
  "outbox.after-append",
  "relay.before-publish",
  "relay.after-publish",
  "relay.after-confirm",
  "relay.after-mark",
];
const consumerPoints = [
  "consumer.before-claim",
  "transaction.before-begin",
  "consumer.after-claim",
  "transaction.after-work",
  "transaction.before-commit",
  "transaction.after-commit",
  "transaction.before-listeners",
  "consumer.before-ack",
  "consumer.after-ack",
];
/** A message that was delivered before is recorded as started first: its first death is before it is acknowledged. */
const redeliveryPoints = ["consumer.before-begin", "consumer.after-begin"];
const callPoints = [
  "request.before-work",
  "transaction.before-begin",
  "transaction.after-work",
  "transaction.before-commit",
  "transaction.after-commit",
  "transaction.before-listeners",
  "request.before-answer",
];
const failurePoints = {
  torn: ["consumer.before-park", "consumer.after-park"],
  empty: ["consumer.before-postpone", "consumer.after-postpone", "consumer.after-begin-due"],
} as const;
const startPoints = [
  "leader.after-lock",
  "start.after-migration",
  "start.before-listen",
  "start.after-listen",
  "start.after-serving",
];
const stopPoints = [
  "stop.before-drain",
  "stop.after-calls",
  "stop.after-consumer",
  "stop.after-workers",
  "stop.after-relay",
  "stop.after-broker",
  "stop.after-leader",
  "database.before-checkpoint",
  "database.after-checkpoint",
  "stop.after-database",
];

const registry = loadContract().registry;
const events = [...eventCatalog(registry.files).values()];
const serviceNames = [...new Set(events.map(({ publisher }) => publisher as ServiceName))];

/** Every event at its publisher. */
export function publisherCases(points: readonly string[] = publisherPoints): FailPointCase[] {
  return events.flatMap(({ type, publisher, schema }) =>
    points.map((point) => caseOf(publisher, [`${point}:${type}`], flowNamed(flowOfEvent, schema.name))),
  );
}

/** Every event at each of its consumers, delivered for the first time and again. */
export function consumerCases(points: readonly string[] = consumerPoints, again = redeliveryPoints): FailPointCase[] {
  return consumptions().flatMap(({ service, type, flow }) => [
    ...points.map((point) => caseOf(service, [`${point}:${type}`], flow)),
    ...again.map((point) => caseOf(service, [`consumer.before-ack:${type}`, `${point}:${type}`], flow)),
  ]);
}

/** A message of every type at each of its consumers that cannot be handled, in either way. */
export function poisonCases(kinds: readonly ("torn" | "empty")[] = ["torn", "empty"]): FailPointCase[] {
  return consumptions().flatMap(({ service, type }) =>
    kinds.flatMap((kind) =>
      failurePoints[kind].map((point) => {
        const { flow, forget } = poison(service, type, kind);
        return { ...caseOf(service, [`${point}:${type}`], flow), afterwards: forget };
      }),
    ),
  );
}

/** Every method that changes something. */
export function callCases(points: readonly string[] = callPoints): FailPointCase[] {
  const methods = [...registry].flatMap((type) => (type.kind === "service" ? type.methods : [])).filter(hasPolicy);
  const changing = methods.filter((method) => policyOf(method).idempotency !== Idempotency.NO_SIDE_EFFECTS);
  return changing.flatMap((method) => {
    const claim = policyOf(method).idempotency === Idempotency.REQUEST_ID ? ["request.after-claim"] : [];
    return [...points, ...(points === callPoints ? claim : [])].map((point) =>
      caseOf(serviceOf(method.parent.file), [`${point}:${methodPath(method)}`], flowNamed(flowOfMethod, method.name)),
    );
  });
}

/** Every service while it starts and while it stops, as orders come in. */
export function lifeCases(): FailPointCase[] {
  return serviceNames.flatMap((service) => {
    const flow = service === "user-svc" ? accounts : settled;
    return [
      ...startPoints.map((point) => caseOf(service, [point], flow)),
      ...stopPoints.map((point) => ({ ...caseOf(service, [point], flow), isStopped: true })),
    ];
  });
}

/** Everything that is tried. */
export function allCases(): FailPointCase[] {
  return [...consumerCases(), ...publisherCases(), ...callCases(), ...lifeCases(), ...ownCases(), ...poisonCases()];
}

/**
 * Puts cases together that can run at once: one a service, in their order. Those with settings of their own, which change
 * what happens to everybody, run alone.
 */
export function toRounds(cases: readonly FailPointCase[]): FailPointCase[][] {
  const alone = cases.filter(({ env }) => env !== undefined).map((one) => [one]);
  const lanes = serviceNames.map((name) => cases.filter(({ service, env }) => service === name && env === undefined));
  const length = Math.max(...lanes.map((lane) => lane.length));
  const rounds = Array.from({ length }, (_, index) => lanes.flatMap((lane) => lane[index] ?? []));
  return [...rounds, ...alone];
}

function consumptions() {
  return events.flatMap(({ type, consumers, schema }) =>
    consumers.map((service) => ({ service: service as ServiceName, type, flow: flowNamed(flowOfEvent, schema.name) })),
  );
}

function caseOf(service: string, deaths: FailPointCase["deaths"], flow: Flow): FailPointCase {
  return { service: service as ServiceName, deaths, flow };
}

function flowNamed(flows: Readonly<Record<string, Flow>>, name: string): Flow {
  const flow = flows[name];
  if (flow === undefined) throw new Error(`nothing is known that makes ${name} happen: add it to the list`);
  return flow;
}
