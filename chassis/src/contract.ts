import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type DescFile, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The whole contract, as generated beside the code: what reflection serves and what the event topology derives from. */
export interface Contract {
  /** A serialized google.protobuf.FileDescriptorSet with all imports, dependencies first. */
  readonly descriptorSet: Uint8Array;
  readonly registry: FileRegistry;
}

/** Reads the contract from the package @quartet/proto. */
export function loadContract(): Contract {
  const descriptorSet = readFileSync(fileURLToPath(import.meta.resolve("@quartet/proto/contract.binpb")));
  return { descriptorSet, registry: createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet)) };
}

/**
 * The service that a file of the contract belongs to, by the name of its folder: the noun of the package with hyphens,
 * and "-svc". Throws when the package has no noun.
 */
export function serviceOf(file: DescFile): string {
  // shop.blue_thing.v1 → blue-thing-svc
  const noun = file.proto.package.split(".").at(-2);
  if (noun === undefined) throw new Error(`package ${file.proto.package} of ${file.name}: expected <org>.<noun>.v<n>`);
  return `${noun.replaceAll("_", "-")}-svc`;
}
