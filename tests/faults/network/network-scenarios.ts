import { serviceNames } from "../../../tools/stack/stack-config.ts";
import type { SeededRandom } from "../random.ts";
import type { FaultyLink, LinkFaults } from "./faulty-link.ts";
import type { Links, NetworkSystem } from "./network-system.ts";

/** One thing that goes wrong in the network, and what a shop must do then. */
export interface NetworkScenario {
  readonly name: string;
  /** Breaks it. */
  readonly begin: (links: Links) => void | Promise<void>;
  /** What is done once it is broken, where nothing would be under way by itself. */
  readonly onceBegun?: (system: NetworkSystem) => Promise<void>;
  /** What is done again and again meanwhile. */
  readonly repeat?: { readonly everyMs: number; readonly act: (links: Links, random: SeededRandom) => void };
  /** Whether connections end by it, so that new ones are made. */
  readonly breaksConnections?: true;
  /** Whether every call is answered at once all the time: no caller has to repeat anything. */
  readonly answersThroughout: boolean;
  /** Whether it ends by itself: what is dead is found out and replaced while the fault lasts. */
  readonly endsByItself?: (links: Links) => FaultyLink;
  /** After what time a new order is confirmed, from the end of the fault or, where it ends by itself, its beginning, ms. */
  readonly recoveryMaxMs: number;
}

/**
 * The longest that services take to find out about the broker: two heartbeats of 5 s and what one costs to notice, 5 s for a
 * new connection that does not come about, 1.5 s of pause, and the order's own way.
 */
const brokerRecoveryMs = 20_000;
/** A broker hears no heartbeats for two of its own intervals, or a publisher no confirmation for 30 s; then as above. */
const silentPublisherRecoveryMs = 45_000;
/** Health checks find a service every 0.5 s; a connection that is dead is closed after 13 s at the latest. */
const gatewayRecoveryMs = 20_000;
/** Services ping an idle neighbour every 20 s and wait 5 s for its answer. */
const neighbourRecoveryMs = 30_000;

const both = (faults: NonNullable<LinkFaults["toServer"]>): LinkFaults => ({ toServer: faults, toClient: faults });
const eachOf = (links: Readonly<Record<string, FaultyLink>>, act: (link: FaultyLink) => void | Promise<void>) =>
  Promise.all(Object.values(links).map(act)).then(() => {});
const allBroker = (faults: LinkFaults) => (links: Links) => eachOf(links.broker, (link) => link.set(faults));

const brokerScenarios: readonly NetworkScenario[] = [
  {
    name: "the broker is 200 to 600 ms away",
    begin: allBroker(both({ latencyMs: 100, jitterMs: 200 })),
    answersThroughout: true,
    recoveryMaxMs: brokerRecoveryMs,
  },
  {
    name: "the broker is in a black hole for everybody",
    begin: allBroker(both({ isSilent: true })),
    answersThroughout: true,
    recoveryMaxMs: brokerRecoveryMs,
  },
  {
    name: "the broker is in a black hole for order-svc alone",
    begin: ({ broker }) => broker["order-svc"].set(both({ isSilent: true })),
    answersThroughout: true,
    recoveryMaxMs: brokerRecoveryMs,
  },
  {
    name: "product-svc no longer hears the broker, which hears it",
    begin: ({ broker }) => broker["product-svc"].forget("toClient"),
    breaksConnections: true,
    answersThroughout: true,
    endsByItself: ({ broker }) => broker["product-svc"],
    recoveryMaxMs: brokerRecoveryMs,
  },
  {
    name: "the broker no longer hears payment-svc, which hears it",
    begin: ({ broker }) => broker["payment-svc"].forget("toServer"),
    breaksConnections: true,
    answersThroughout: true,
    endsByItself: ({ broker }) => broker["payment-svc"],
    recoveryMaxMs: silentPublisherRecoveryMs,
  },
  {
    name: "connections to the broker are reset again and again",
    begin: ({ broker }) => eachOf(broker, (link) => link.reset()),
    repeat: {
      everyMs: 700,
      act({ broker }, random) {
        for (const service of serviceNames) if (random.chance(0.5)) broker[service].reset();
      },
    },
    breaksConnections: true,
    answersThroughout: true,
    recoveryMaxMs: brokerRecoveryMs,
  },
  {
    name: "connections to the broker break in mid-frame",
    begin: allBroker({ toServer: { cutAfterBytesMax: 30_000 }, toClient: { cutAfterBytesMax: 60_000 } }),
    breaksConnections: true,
    answersThroughout: true,
    recoveryMaxMs: brokerRecoveryMs,
  },
  {
    name: "the broker's frames arrive in slices of 1 to 9 bytes",
    begin: allBroker(both({ pieceBytesMax: 9 })),
    answersThroughout: true,
    recoveryMaxMs: brokerRecoveryMs,
  },
  {
    name: "the way to the broker carries 6 kB a second",
    begin: allBroker(both({ bytesPerSecond: 6_000 })),
    answersThroughout: true,
    recoveryMaxMs: silentPublisherRecoveryMs,
  },
  {
    name: "the broker refuses connections",
    begin: ({ broker }) => eachOf(broker, (link) => link.refuse(true)),
    breaksConnections: true,
    answersThroughout: true,
    recoveryMaxMs: brokerRecoveryMs,
  },
];

const neighbourScenarios: readonly NetworkScenario[] = [
  {
    name: "product-svc is in a black hole for order-svc",
    begin: ({ catalogue }) => catalogue.set(both({ isSilent: true })),
    answersThroughout: true,
    recoveryMaxMs: neighbourRecoveryMs,
  },
  {
    name: "product-svc is 50 to 250 ms away from order-svc, which waits for 100",
    begin: ({ catalogue }) => catalogue.set(both({ latencyMs: 25, jitterMs: 100 })),
    answersThroughout: true,
    recoveryMaxMs: neighbourRecoveryMs,
  },
  {
    name: "connections of order-svc to product-svc break in mid-frame",
    begin: ({ catalogue }) =>
      catalogue.set({ toServer: { cutAfterBytesMax: 3_000 }, toClient: { cutAfterBytesMax: 3_000 } }),
    breaksConnections: true,
    answersThroughout: true,
    recoveryMaxMs: neighbourRecoveryMs,
  },
  {
    name: "order-svc no longer hears product-svc, which hears it",
    begin: ({ catalogue }) => catalogue.forget("toClient"),
    breaksConnections: true,
    answersThroughout: true,
    endsByItself: ({ catalogue }) => catalogue,
    recoveryMaxMs: neighbourRecoveryMs,
  },
  {
    name: "the keys of user-svc are in a black hole, and order-svc is replaced",
    begin: ({ keys }) => keys.set(both({ isSilent: true })),
    // Services ask for keys when they start, and minutes later.
    async onceBegun({ stack }) {
      await stack.replace("order-svc");
      await stack.ready({ names: ["order-svc"] });
    },
    answersThroughout: true,
    recoveryMaxMs: neighbourRecoveryMs,
  },
];

const gatewayScenarios: readonly NetworkScenario[] = [
  {
    name: "order-svc is 100 to 300 ms away from the gateway",
    begin: ({ gateway }) => gateway["order-svc"].set(both({ latencyMs: 50, jitterMs: 100 })),
    answersThroughout: true,
    recoveryMaxMs: gatewayRecoveryMs,
  },
  {
    name: "order-svc is in a black hole for the gateway",
    begin: ({ gateway }) => gateway["order-svc"].set(both({ isSilent: true })),
    answersThroughout: false,
    recoveryMaxMs: gatewayRecoveryMs,
  },
  {
    name: "connections of the gateway to the services are reset again and again",
    begin: ({ gateway }) => eachOf(gateway, (link) => link.reset()),
    repeat: {
      everyMs: 900,
      act({ gateway }, random) {
        for (const service of serviceNames) if (random.chance(0.5)) gateway[service].reset();
      },
    },
    breaksConnections: true,
    answersThroughout: false,
    recoveryMaxMs: gatewayRecoveryMs,
  },
  {
    name: "order-svc's frames arrive at the gateway in slices of 1 to 50 bytes",
    begin: ({ gateway }) => gateway["order-svc"].set(both({ pieceBytesMax: 50 })),
    answersThroughout: false,
    recoveryMaxMs: gatewayRecoveryMs,
  },
  {
    name: "connections of the gateway to order-svc break in mid-frame",
    begin: ({ gateway }) =>
      gateway["order-svc"].set({ toServer: { cutAfterBytesMax: 9_000 }, toClient: { cutAfterBytesMax: 9_000 } }),
    breaksConnections: true,
    answersThroughout: false,
    recoveryMaxMs: gatewayRecoveryMs,
  },
  {
    name: "the gateway no longer hears payment-svc and order-svc, which hear it",
    begin({ gateway }) {
      gateway["payment-svc"].forget("toClient");
      gateway["order-svc"].forget("toClient");
    },
    breaksConnections: true,
    answersThroughout: false,
    endsByItself: ({ gateway }) => gateway["order-svc"],
    recoveryMaxMs: gatewayRecoveryMs,
  },
  {
    name: "order-svc no longer hears the gateway, which hears it",
    begin: ({ gateway }) => gateway["order-svc"].forget("toServer"),
    breaksConnections: true,
    answersThroughout: false,
    endsByItself: ({ gateway }) => gateway["order-svc"],
    recoveryMaxMs: gatewayRecoveryMs,
  },
  {
    name: "every service refuses the gateway's connections",
    begin: ({ gateway }) => eachOf(gateway, (link) => link.refuse(true)),
    breaksConnections: true,
    answersThroughout: false,
    recoveryMaxMs: gatewayRecoveryMs,
  },
];

/** All of them. */
export const networkScenarios: readonly NetworkScenario[] = [
  ...brokerScenarios,
  ...neighbourScenarios,
  ...gatewayScenarios,
];
