import { create, createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { ServiceRegistration } from "../implement.ts";
import { healthFiles, messageFor, reflectionServices } from "../standard-services.ts";

/** A request of the reflection protocol, as far as it is answered. */
type ReflectionQuery =
  | { case: "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType"; value: string }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
  | { case: undefined; value?: undefined };

interface ReflectionRequest {
  readonly host: string;
  readonly messageRequest: ReflectionQuery;
}

/** grpc.reflection.v1 and v1alpha for a Connect router, answered from a FileDescriptorSet. */
export function createReflectionServices(contract: Uint8Array): ServiceRegistration[] {
  const { file } = fromBinary(FileDescriptorSetSchema, contract);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...file, ...healthFiles()] }));
  return reflectionServices().map((service) => {
    const responseOf = messageFor(service, "serverReflectionInfo");
    async function* serverReflectionInfo(requests: AsyncIterable<unknown>) {
      for await (const received of requests) {
        const request = received as ReflectionRequest;
        const messageResponse = answer(registry, request.messageRequest);
        yield responseOf({ validHost: request.host, originalRequest: request, messageResponse });
      }
    }
    return { service, implementation: { serverReflectionInfo } } as unknown as ServiceRegistration;
  });
}

function answer(registry: FileRegistry, query: ReflectionQuery): { case: string; value: object } {
  switch (query.case) {
    case "listServices": {
      const services = [...registry].filter((type) => type.kind === "service");
      return {
        case: "listServicesResponse",
        value: { service: services.map((service) => ({ name: service.typeName })) },
      };
    }
    case "fileByFilename":
      return filesOf(fileNamed(registry, query.value));
    case "fileContainingSymbol":
      return filesOf(fileOfSymbol(registry, query.value));
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = query.value;
      const found = extensionsOf(registry, containingType).find((extension) => extension.number === extensionNumber);
      return filesOf(found?.file);
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = extensionsOf(registry, query.value).map((extension) => extension.number);
      if (registry.getMessage(query.value) === undefined) return notFound();
      return { case: "allExtensionNumbersResponse", value: { baseTypeName: query.value, extensionNumber } };
    }
    default:
      return { case: "errorResponse", value: { errorCode: Code.Unimplemented, errorMessage: "unknown question" } };
  }
}

// With all that it imports: a client then needs no second question.
function filesOf(file: DescFile | undefined): { case: string; value: object } {
  if (file === undefined) return notFound();
  const files = new Set<DescFile>();
  const collect = (next: DescFile): void => {
    if (files.has(next)) return;
    files.add(next);
    next.dependencies.forEach(collect);
  };
  collect(file);
  const fileDescriptorProto = [...files].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(): { case: string; value: object } {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: "not found" } };
}

function fileNamed(registry: FileRegistry, name: string): DescFile | undefined {
  return [...registry.files].find(({ proto }) => proto.name === name);
}

// A symbol is a type, or a member of one: a field, a method, an enum value.
function fileOfSymbol(registry: FileRegistry, symbol: string): DescFile | undefined {
  const type = registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(symbol.lastIndexOf("."), 0)));
  return type?.file;
}

function extensionsOf(registry: FileRegistry, typeName: string) {
  return [...registry]
    .filter((type) => type.kind === "extension")
    .filter(({ extendee }) => extendee.typeName === typeName);
}
