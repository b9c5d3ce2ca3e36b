import { Metadata } from "@grpc/grpc-js";

const binarySuffix = "-bin";

// What the channel writes itself. A caller's own value would contradict it.
const reservedName = /^(grpc-.*|:.*|content-type|content-length|te|host|user-agent|connection|transfer-encoding)$/;

/** Request headers as gRPC metadata; `-bin` values are base64 in headers and bytes in metadata. */
export function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) {
    if (reservedName.test(name)) continue;
    if (!name.endsWith(binarySuffix)) metadata.set(name, value);
    else for (const part of value.split(",")) metadata.add(name, Buffer.from(part.trim(), "base64"));
  }
  return metadata;
}

/** Received gRPC metadata as headers, the other way round. */
export function toHeaders(metadata: Metadata | undefined): Headers {
  const headers = new Headers();
  if (metadata === undefined) return headers;
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) {
      headers.append(name, typeof value === "string" ? value : value.toString("base64").replace(/=+$/, ""));
    }
  }
  return headers;
}
