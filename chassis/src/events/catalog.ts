import { type DescFile, type DescMessage, getOption, hasOption } from "@bufbuild/protobuf";
import { event } from "@quartet/proto/shop/options/v1/options_pb";
import { serviceOf } from "../contract.ts";

/** One event of the contract. */
export interface EventDescription {
  /** Full name of the protobuf message. */
  readonly type: string;
  /** The service that publishes it, by the name of its folder. */
  readonly publisher: string;
  /** The services that the contract names as its consumers, sorted. */
  readonly consumers: readonly string[];
  readonly schema: DescMessage;
}

/** All events of the contract by their type. */
export type EventCatalog = ReadonlyMap<string, EventDescription>;

/**
 * Reads the events out of generated files: the messages that carry the event option. Throws when a package has no noun
 * to name a publisher by.
 */
export function eventCatalog(files: Iterable<DescFile>): EventCatalog {
  const catalog = new Map<string, EventDescription>();
  for (const file of files) {
    for (const schema of file.messages) {
      if (!hasOption(schema, event)) continue;
      const consumers = [...new Set(getOption(schema, event).consumers)].sort();
      catalog.set(schema.typeName, { type: schema.typeName, publisher: serviceOf(file), consumers, schema });
    }
  }
  return catalog;
}

/** The types that the contract makes a service consume, sorted. */
export function consumedTypes(catalog: EventCatalog, service: string): string[] {
  const events = [...catalog.values()].filter(({ consumers }) => consumers.includes(service));
  return events.map(({ type }) => type).sort();
}

/** The queue in which a service's events wait for it. */
export function queueOf(service: string): string {
  return `${service}.events`;
}
