import { serviceNames } from "../stack/stack-config.ts";

/**
 * What has to be kept of a data directory: one file for each service, with all its keys. The rest makes itself again: the
 * caches of public keys, the broker's password, and its messages, which are in the outboxes.
 */
export const serviceFiles: readonly string[] = serviceNames.map((service) => `${service}/${service}.sqlite`);

/**
 * The test provider's own record. It stands for somebody else, whose memory no restore turns back: it is put back only
 * where there is none.
 */
export const providerFile = "payment-svc/test-provider.sqlite";
