import assert from "node:assert/strict";
import { create, createFileRegistry, setExtension } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, MessageOptionsSchema } from "@bufbuild/protobuf/wkt";
import { EventPolicySchema, event } from "@quartet/proto/shop/options/v1/options_pb";
import { describe, it } from "mocha";
import { consumedTypes, type EventCatalog, eventCatalog } from "./catalog.ts";
import { topologyOf } from "./topology.ts";

describe("event catalog", () => {
  const catalog = catalogOf({
    "things.thing.v1": {
      ThingMade: ["watch-svc", "audit-svc"],
      ThingMoved: ["watch-svc"],
      ThingSeen: [],
      Thing: undefined,
    },
    "things.night_watch.v1": { WatchEnded: ["thing-svc"] },
  });

  it("finds the events, their publishers and their consumers", () => {
    const rows = [...catalog.values()].map(({ type, publisher, consumers }) => [type, publisher, consumers.join()]);
    assert.deepEqual(rows, [
      ["things.thing.v1.ThingMade", "thing-svc", "audit-svc,watch-svc"],
      ["things.thing.v1.ThingMoved", "thing-svc", "watch-svc"],
      ["things.thing.v1.ThingSeen", "thing-svc", ""],
      ["things.night_watch.v1.WatchEnded", "night-watch-svc", "thing-svc"],
    ]);
    assert.deepEqual(consumedTypes(catalog, "watch-svc"), ["things.thing.v1.ThingMade", "things.thing.v1.ThingMoved"]);
  });

  it("gives a service the queues of its consumers and its own", () => {
    const topology = topologyOf(catalog, { service: "thing-svc", exchange: "test.events" });
    assert.deepEqual(
      topology.publishes,
      new Map([
        ["things.thing.v1.ThingMade", 2],
        ["things.thing.v1.ThingMoved", 1],
        ["things.thing.v1.ThingSeen", 0],
      ]),
    );
    assert.deepEqual(topology.outbound, [
      { queue: "audit-svc.events", types: ["things.thing.v1.ThingMade"] },
      { queue: "watch-svc.events", types: ["things.thing.v1.ThingMade", "things.thing.v1.ThingMoved"] },
    ]);
    assert.deepEqual(topology.inbound, { queue: "thing-svc.events", types: ["things.night_watch.v1.WatchEnded"] });
  });

  it("gives a service without events neither queue nor bindings", () => {
    const topology = topologyOf(catalog, { service: "other-svc", exchange: "test.events" });
    assert.deepEqual([topology.outbound, topology.inbound], [[], undefined]);
  });
});

function catalogOf(packages: Record<string, Record<string, string[] | undefined>>): EventCatalog {
  const file = Object.entries(packages).map(([name, messages]) =>
    create(FileDescriptorProtoSchema, {
      name: `${name}.proto`,
      package: name,
      syntax: "proto3",
      messageType: Object.entries(messages).map(([message, consumers]) => {
        const options = create(MessageOptionsSchema);
        if (consumers !== undefined) setExtension(options, event, create(EventPolicySchema, { consumers }));
        return { name: message, options };
      }),
    }),
  );
  return eventCatalog(createFileRegistry(create(FileDescriptorSetSchema, { file })).files);
}
