import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { create, createFileRegistry, type DescService, fromBinary, type Message } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { loadSync } from "@grpc/proto-loader";
import { protoPath as healthProtoPath } from "grpc-health-check";

const reflectionFolder = join(
  dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json")),
  "build/proto/grpc/reflection",
);

/** The descriptors of grpc.health.v1, from the package that implements it. */
export function healthFiles(): FileDescriptorProto[] {
  return loadFiles(healthProtoPath);
}

/** grpc.health.v1.Health as a Connect service. */
export function healthService(): DescService {
  return serviceOf(healthFiles(), "grpc.health.v1.Health");
}

/** grpc.reflection.v1 and v1alpha as Connect services. */
export function reflectionServices(): DescService[] {
  return ["v1", "v1alpha"].map((version) =>
    serviceOf(
      loadFiles(join(reflectionFolder, version, "reflection.proto")),
      `grpc.reflection.${version}.ServerReflection`,
    ),
  );
}

/** What makes the responses of a method whose types are known at run time only. */
export function messageFor(service: DescService, localName: string): (init: object) => Message {
  const method = service.method[localName];
  if (method === undefined) throw new Error(`${service.typeName} has no ${localName}`);
  return (init) => create(method.output, init as never);
}

function serviceOf(file: FileDescriptorProto[], name: string): DescService {
  const service = createFileRegistry(create(FileDescriptorSetSchema, { file })).getService(name);
  if (service === undefined) throw new Error(`${name} is not in its own file`);
  return service;
}

function loadFiles(path: string): FileDescriptorProto[] {
  const files = new Map<string, FileDescriptorProto>();
  for (const entry of Object.values(loadSync(path))) {
    if (!("fileDescriptorProtos" in entry) || !Array.isArray(entry.fileDescriptorProtos)) continue;
    for (const bytes of entry.fileDescriptorProtos) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      if (!files.has(file.name)) files.set(file.name, qualify(file));
    }
  }
  return [...files.values()];
}

// proto-loader writes type names as the source does; descriptors are to hold them in full. These files import nothing.
function qualify(file: FileDescriptorProto): FileDescriptorProto {
  const known = new Set<string>();
  const collect = (scope: string, message: DescriptorProto): void => {
    known.add(`${scope}.${message.name}`);
    for (const nested of message.enumType) known.add(`${scope}.${message.name}.${nested.name}`);
    for (const nested of message.nestedType) collect(`${scope}.${message.name}`, nested);
  };
  for (const message of file.messageType) collect(`.${file.package}`, message);
  for (const type of file.enumType) known.add(`.${file.package}.${type.name}`);

  const resolve = (name: string, scope: string): string => {
    if (name === "" || name.startsWith(".")) return name;
    for (let outer = scope; outer !== ""; outer = outer.slice(0, outer.lastIndexOf("."))) {
      if (known.has(`${outer}.${name}`)) return `${outer}.${name}`;
    }
    throw new Error(`${file.name} refers to ${name}, which it does not define`);
  };
  const visit = (scope: string, message: DescriptorProto): void => {
    for (const field of message.field) field.typeName = resolve(field.typeName, `${scope}.${message.name}`);
    for (const nested of message.nestedType) visit(`${scope}.${message.name}`, nested);
  };
  for (const message of file.messageType) visit(`.${file.package}`, message);
  for (const method of file.service.flatMap((service) => service.method)) {
    method.inputType = resolve(method.inputType, `.${file.package}`);
    method.outputType = resolve(method.outputType, `.${file.package}`);
  }
  return file;
}
