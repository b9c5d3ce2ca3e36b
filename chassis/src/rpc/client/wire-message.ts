import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

/** A message as the channel sends it. */
export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A received message. Throws `internal` when the bytes are none: client and server disagree about the contract. */
export function decode<D extends DescMessage>(schema: D, bytes: Buffer): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new ConnectError(`cannot read ${schema.typeName}`, Code.Internal, undefined, undefined, error);
  }
}

/** Leaves bytes as they are, where the channel asks for a (de)serialiser. */
export function asIs(bytes: Buffer): Buffer {
  return bytes;
}
