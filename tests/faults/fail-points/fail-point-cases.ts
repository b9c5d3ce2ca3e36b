import { loadContract, serviceOf } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { hasPolicy, methodPath, policyOf } from "@quartet/chassis/rpc/policy";
import { Idempotency } from "@quartet/proto/shop/options/v1/options_pb";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";
import { poison } from "../poison.ts";
import type { FailPointCase } from "./fail-point-round.ts";
import { cancelled, declined, type Flow, outOfStock, refunded, settled, userDeleted } from "./order-flows.ts";
import { ownCases } from "./own-cases.ts";
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
  "transaction.before-commit",
  "transaction.after-commit",
  "consumer.before-ack",
  "consumer.after-ack",
];
const callPoints = [
  "request.before-work",
  "transaction.before-commit",
  "transaction.after-commit",
  "request.before-answer",
];
/** What leaves disk and broker as one of the others does: tried with one message and one method of each service. */
const innerPoints = ["transaction.before-begin", "transaction.after-work", "transaction.before-listeners"];
/** A message that was delivered before is recorded as started first: its first death is before it is acknowledged. */
const redeliveryPoints = ["consumer.before-begin", "consumer.after-begin"];
/** A message that cannot be decoded is parked, one whose handler fails is tried again first. */
const failurePoints = [
  ["torn", "consumer.before-park"],
  ["empty", "consumer.after-postpone"],
] as const;
const innerFailurePoints = [
  ["torn", "consumer.after-park"],
  ["empty", "consumer.before-postpone"],
  ["empty", "consumer.after-begin-due"],
] as const;
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
/** The services that are tried. A new one joins them when there is a flow for each of its events and methods. */
export const triedServices: readonly ServiceName[] = ["user-svc", "product-svc", "order-svc", "payment-svc"];
const isTried = (service: string) => triedServices.some((name) => name === service);
const events = [...eventCatalog(registry.files).values()].filter(({ publisher }) => isTried(publisher));

/** Every event at its publisher. */
function publisherCases(): FailPointCase[] {
  return events.flatMap(({ type, publisher, schema }) =>
    publisherPoints.map((point) => caseOf(publisher, [`${point}:${type}`], flowNamed(flowOfEvent, schema.name))),
  );
}

/** Every event at each of its consumers, delivered for the first time and again. */
function consumerCases(): FailPointCase[] {
  return consumptions().flatMap(({ service, type, flow, isFirst }) => [
    ...[...consumerPoints, ...(isFirst ? ["consumer.after-claim", ...innerPoints] : [])].map((point) =>
      caseOf(service, [`${point}:${type}`], flow),
    ),
    ...redeliveryPoints.map((point) => caseOf(service, [`consumer.before-ack:${type}`, `${point}:${type}`], flow)),
  ]);
}

/** A message of every type at each of its consumers that cannot be handled, in either way. */
function poisonCases(): FailPointCase[] {
  return consumptions().flatMap(({ service, type, isFirst }) =>
    [...failurePoints, ...(isFirst ? innerFailurePoints : [])].map(([kind, point]) => {
      const { flow, forget } = poison(service, type, kind);
      return { ...caseOf(service, [`${point}:${type}`], flow), afterwards: forget };
    }),
  );
}

/** Every method that changes something. */
function callCases(): FailPointCase[] {
  const methods = [...registry].flatMap((type) => (type.kind === "service" ? type.methods : []));
  const changing = methods.filter((method) => {
    if (!hasPolicy(method) || !isTried(serviceOf(method.parent.file))) return false;
    return policyOf(method).idempotency !== Idempotency.NO_SIDE_EFFECTS;
  });
  return changing.flatMap((method) => {
    const service = serviceOf(method.parent.file);
    const isFirst = changing.find(({ parent }) => parent === method.parent) === method;
    const claim = policyOf(method).idempotency === Idempotency.REQUEST_ID ? ["request.after-claim"] : [];
    return [...callPoints, ...claim, ...(isFirst ? innerPoints : [])].map((point) =>
      caseOf(service, [`${point}:${methodPath(method)}`], flowNamed(flowOfMethod, method.name)),
    );
  });
}

/** Every service while it starts and while it stops, as orders come in. */
function lifeCases(): FailPointCase[] {
  return triedServices.flatMap((service) => {
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
  const lanes = triedServices.map((name) => cases.filter(({ service, env }) => service === name && env === undefined));
  const length = Math.max(...lanes.map((lane) => lane.length));
  const rounds = Array.from({ length }, (_, index) => lanes.flatMap((lane) => lane[index] ?? []));
  return [...rounds, ...alone];
}

/** Who consumes what; `isFirst` of one type for each consumer. */
function consumptions() {
  return triedServices.flatMap((service) =>
    events
      .filter(({ consumers }) => consumers.includes(service))
      .map(({ type, schema }, index) => {
        return { service, type, flow: flowNamed(flowOfEvent, schema.name), isFirst: index === 0 };
      }),
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
