import { create, createFileRegistry, type DescService, type Message, setExtension } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import type { CallOptions, HandlerContext } from "@connectrpc/connect";
import { field as validateField } from "@quartet/proto/buf/validate/validate_pb";
import { Access, Idempotency, policy, RateClass } from "@quartet/proto/shop/options/v1/options_pb";
import type { ServiceRegistration } from "../rpc/implement.ts";

/** The one message of the test service, request and response alike. `name` must have 1 to 20 characters. */
export interface Thing extends Message {
  name: string;
  payload: Uint8Array;
  labels: Record<string, string>;
  requestId: string;
}

type ThingInit = Partial<Pick<Thing, "name" | "payload" | "labels" | "requestId">>;

/** The methods of the test service, as a client has them. */
export interface ThingClient {
  /** Public, without side effects, 5 s. */
  read(request: ThingInit, options?: CallOptions): Promise<Thing>;
  /** Public, 100 ms. */
  hurry(request: ThingInit, options?: CallOptions): Promise<Thing>;
  /** For users, a write. */
  write(request: ThingInit, options?: CallOptions): Promise<Thing>;
  /** For administrators, with a credential. */
  administer(request: ThingInit, options?: CallOptions): Promise<Thing>;
  /** Public, a stream of responses, 5 s. */
  watch(request: ThingInit, options?: CallOptions): AsyncIterable<Thing>;
  /** In the contract, but without an implementation. */
  missing(request: ThingInit, options?: CallOptions): Promise<Thing>;
}

type Answer = (request: Thing, context: HandlerContext) => Promise<ThingInit> | ThingInit;
type Answers = (request: Thing, context: HandlerContext) => AsyncIterable<ThingInit>;

const methods: [name: string, access: Access, deadlineMs: number, isStream?: boolean][] = [
  ["Read", Access.PUBLIC, 5_000],
  ["Hurry", Access.PUBLIC, 100],
  ["Write", Access.USER, 5_000],
  ["Administer", Access.ADMIN, 5_000],
  ["Watch", Access.PUBLIC, 5_000, true],
  ["Missing", Access.PUBLIC, 5_000],
];

const rateClasses: Readonly<Record<string, RateClass>> = {
  Write: RateClass.WRITE,
  Administer: RateClass.CREDENTIAL,
};

/** A contract for tests of the RPC layer, made at run time: `test.v1.ThingService`. */
export const thingService: DescService = createThingService();

/** Registers what answers the test service. Methods that are left out are UNIMPLEMENTED. */
export function implementThings(answers: {
  readonly read?: Answer;
  readonly hurry?: Answer;
  readonly write?: Answer;
  readonly administer?: Answer;
  readonly watch?: Answers;
}): ServiceRegistration {
  return { service: thingService, implementation: answers as unknown as ServiceRegistration["implementation"] };
}

function createThingService(): DescService {
  const file = create(FileDescriptorProtoSchema, {
    name: "test/v1/thing.proto",
    package: "test.v1",
    syntax: "proto3",
    messageType: [thing()],
    service: [{ name: "ThingService", method: methods.map((method) => methodOf(...method)) }],
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const service = registry.getService("test.v1.ThingService");
  if (service === undefined) throw new Error("the test contract lacks its service");
  return service;
}

function thing() {
  const options = create(FieldOptionsSchema);
  setExtension(options, validateField, { type: { case: "string", value: { minLen: 1n, maxLen: 20n } } } as never);
  const { STRING, BYTES, MESSAGE } = FieldDescriptorProto_Type;
  const label = FieldDescriptorProto_Label.OPTIONAL;
  const text = (name: string, number: number) => ({ name, jsonName: name, number, type: STRING, label });
  const entry = create(DescriptorProtoSchema, {
    name: "LabelsEntry",
    field: [text("key", 1), text("value", 2)],
    options: { mapEntry: true },
  });
  const labels = {
    name: "labels",
    jsonName: "labels",
    number: 3,
    type: MESSAGE,
    label: FieldDescriptorProto_Label.REPEATED,
  };
  return create(DescriptorProtoSchema, {
    name: "Thing",
    field: [
      create(FieldDescriptorProtoSchema, { ...text("name", 1), options }),
      create(FieldDescriptorProtoSchema, { name: "payload", jsonName: "payload", number: 2, type: BYTES, label }),
      create(FieldDescriptorProtoSchema, { ...labels, typeName: ".test.v1.Thing.LabelsEntry" }),
      create(FieldDescriptorProtoSchema, { ...text("request_id", 4), jsonName: "requestId" }),
    ],
    nestedType: [entry],
  });
}

function methodOf(name: string, access: Access, deadlineMs: number, serverStreaming = false) {
  const idempotencyLevel = MethodOptions_IdempotencyLevel[name === "Read" ? "NO_SIDE_EFFECTS" : "IDEMPOTENCY_UNKNOWN"];
  const options = create(MethodOptionsSchema, { idempotencyLevel });
  const idempotency = name === "Read" ? Idempotency.NO_SIDE_EFFECTS : Idempotency.NONE;
  const rateClass = rateClasses[name] ?? RateClass.READ;
  setExtension(options, policy, { access, deadlineMs, idempotency, rateClass } as never);
  const type = ".test.v1.Thing";
  return create(MethodDescriptorProtoSchema, { name, inputType: type, outputType: type, serverStreaming, options });
}
