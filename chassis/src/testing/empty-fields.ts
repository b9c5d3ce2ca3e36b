import { type DescMessage, isFieldSet, type MessageShape } from "@bufbuild/protobuf";

/** The fields of the contract that a message leaves out, by their names: a full message has none. */
export function emptyFields<D extends DescMessage>(schema: D, message: MessageShape<D>): string[] {
  return schema.fields.filter((field) => !isFieldSet(message, field)).map(({ name }) => name);
}
