import {
  createFileRegistry,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
  getOption,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** A contract read from its descriptors, with its options in the JSON form of protobuf. */
export interface Contract {
  readonly registry: FileRegistry;
  /** Our own files, sorted by name. */
  readonly files: readonly DescFile[];
  readonly services: readonly DescService[];
  readonly methods: readonly DescMethod[];
  /** All messages of our files, nested ones included, synthetic map entries left out. */
  readonly messages: readonly DescMessage[];
  /** Value of a custom option as JSON, by the full name of its extension; undefined when it is not set. */
  option(of: DescMethod | DescMessage | DescField, extension: string): JsonValue | undefined;
}

const ownFolder = "shop/";

/** Reads a FileDescriptorSet or a buf image from its bytes. Throws when imports are missing. */
export function contractOf(image: Uint8Array): Contract {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  const files = [...registry.files]
    .filter((file) => file.proto.name.startsWith(ownFolder))
    .sort((a, b) => (a.proto.name < b.proto.name ? -1 : 1));
  const services = files.flatMap((file) => file.services);
  return {
    registry,
    files,
    services,
    methods: services.flatMap((service) => service.methods),
    messages: files.flatMap((file) => file.messages.flatMap(withNested)),
    option(of, extensionName) {
      const extension = registry.getExtension(extensionName);
      if (extension === undefined) throw new Error(`the contract does not declare the option ${extensionName}`);
      const options = of.proto.options;
      if (!options?.$unknown?.some((field) => field.no === extension.number)) return undefined;
      const value: unknown = getOption(of, extension);
      return extension.message === undefined
        ? (value as JsonValue)
        : toJson(extension.message, value as never, { registry });
    },
  };
}

/** Full name of a method, as in "shop.order.v1.OrderService.GetOrder". */
export function methodName(method: DescMethod): string {
  return `${method.parent.typeName}.${method.name}`;
}

/** One way to call a method over REST. */
export interface Binding {
  readonly verb: string;
  readonly path: string;
  readonly body: string;
  readonly responseBody: string;
}

const verbs = ["get", "put", "post", "delete", "patch"];

/** All REST bindings of a method, the additional ones included; none when it has no google.api.http option. */
export function bindingsOf(contract: Contract, method: DescMethod): readonly Binding[] {
  const rule = contract.option(method, "google.api.http");
  if (!isObject(rule)) return [];
  const additional = Array.isArray(rule.additionalBindings) ? rule.additionalBindings.filter(isObject) : [];
  return [rule, ...additional].map(toBinding);
}

function toBinding(rule: JsonObject): Binding {
  const body = typeof rule.body === "string" ? rule.body : "";
  const responseBody = typeof rule.responseBody === "string" ? rule.responseBody : "";
  for (const verb of verbs) {
    const path = rule[verb];
    if (typeof path === "string") return { verb: verb.toUpperCase(), path, body, responseBody };
  }
  const custom = isObject(rule.custom) ? rule.custom : {};
  return { verb: `${custom.kind ?? ""}`, path: `${custom.path ?? ""}`, body, responseBody };
}

/** Whether a JSON value is an object. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}
