import { Metadata } from "@grpc/grpc-js";

const binarySuffix = "-bin";

/** Turns the metadata of a grpc-js call into Headers, binary values in base64, as Connect keeps them. */
export function headersFromMetadata(metadata: Metadata): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const [name, values] of Object.entries(metadata.toHttp2Headers())) {
    if (Array.isArray(values)) for (const value of values) pairs.push([name, value]);
    else if (values !== undefined) pairs.push([name, String(values)]);
  }
  return pairs;
}

/** Turns Headers into grpc-js metadata. A value that gRPC cannot carry makes it throw. */
export function metadataFromHeaders(...sources: readonly Headers[]): Metadata {
  const metadata = new Metadata();
  for (const headers of sources) {
    headers.forEach((value, name) => {
      if (!name.endsWith(binarySuffix)) metadata.add(name, value);
      else for (const part of value.split(",")) metadata.add(name, Buffer.from(part.trim(), "base64"));
    });
  }
  return metadata;
}

/** Whether Headers hold nothing, so that no metadata need be made of them. */
export function isEmpty(headers: Headers): boolean {
  return headers.keys().next().done === true;
}
