import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
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
