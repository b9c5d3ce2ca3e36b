import { create, createFileRegistry, type DescMethod, setExtension } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_wrappers,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { Access, Idempotency, policy, RateClass } from "@quartet/proto/shop/options/v1/options_pb";

/** A contract for tests of the chassis: each method takes a StringValue and answers StringValues. */
export type ThingsService = GenService<{
  getThing: ThingMethod<"unary">;
  putThing: ThingMethod<"unary">;
  createThing: ThingMethod<"unary">;
  watchThing: ThingMethod<"server_streaming">;
  sendThings: ThingMethod<"client_streaming">;
}>;

interface ThingMethod<Kind extends DescMethod["methodKind"]> {
  input: typeof StringValueSchema;
  output: typeof StringValueSchema;
  methodKind: Kind;
}

/** Builds `test.things.v1.ThingsService`: GetThing reads, PutThing is idempotent, CreateThing is neither. */
export function thingsService(options: { deadlineMs?: number } = {}): ThingsService {
  const method = (
    name: string,
    idempotency: Idempotency,
    streaming?: { serverStreaming?: boolean; clientStreaming?: boolean },
  ) => {
    const methodOptions = create(MethodOptionsSchema);
    setExtension(methodOptions, policy, {
      $typeName: "shop.options.v1.MethodPolicy",
      access: Access.PUBLIC,
      idempotency,
      deadlineMs: options.deadlineMs ?? 5_000,
      rateClass: RateClass.READ,
    });
    return create(MethodDescriptorProtoSchema, {
      name,
      inputType: ".google.protobuf.StringValue",
      outputType: ".google.protobuf.StringValue",
      options: methodOptions,
      ...streaming,
    });
  };
  const file = create(FileDescriptorProtoSchema, {
    name: "test/things/v1/things.proto",
    package: "test.things.v1",
    syntax: "proto3",
    dependency: [file_google_protobuf_wrappers.proto.name],
    service: [
      {
        name: "ThingsService",
        method: [
          method("GetThing", Idempotency.NO_SIDE_EFFECTS),
          method("PutThing", Idempotency.IDEMPOTENT),
          method("CreateThing", Idempotency.REQUEST_ID),
          method("WatchThing", Idempotency.NO_SIDE_EFFECTS, { serverStreaming: true }),
          method("SendThings", Idempotency.NONE, { clientStreaming: true }),
        ],
      },
    ],
  });
  const files = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] });
  const service = createFileRegistry(files).getService("test.things.v1.ThingsService");
  if (service === undefined) throw new Error("the contract for tests was not built");
  return service as ThingsService;
}
