import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

const scalars: Readonly<Partial<Record<FieldDescriptorProto_Type, string>>> = {
  [FieldDescriptorProto_Type.DOUBLE]: "double",
  [FieldDescriptorProto_Type.FLOAT]: "float",
  [FieldDescriptorProto_Type.INT64]: "int64",
  [FieldDescriptorProto_Type.UINT64]: "uint64",
  [FieldDescriptorProto_Type.INT32]: "int32",
  [FieldDescriptorProto_Type.FIXED64]: "fixed64",
  [FieldDescriptorProto_Type.FIXED32]: "fixed32",
  [FieldDescriptorProto_Type.BOOL]: "bool",
  [FieldDescriptorProto_Type.STRING]: "string",
  [FieldDescriptorProto_Type.BYTES]: "bytes",
  [FieldDescriptorProto_Type.UINT32]: "uint32",
  [FieldDescriptorProto_Type.SFIXED32]: "sfixed32",
  [FieldDescriptorProto_Type.SFIXED64]: "sfixed64",
  [FieldDescriptorProto_Type.SINT32]: "sint32",
  [FieldDescriptorProto_Type.SINT64]: "sint64",
};

// protobuf's own bounds: field numbers and enum numbers end here, and a range up to it is written "max".
const fieldNumberEnd = 536_870_912;
const enumNumberMax = 2_147_483_647;

/**
 * Prints a proto2 file from its descriptor. Options of fields, comments and file options for other languages are left
 * out: the result declares the same types, numbers and names. Throws on what it cannot print (proto3, groups, services,
 * maps, defaults), so that a new release of the printed package is noticed instead of losing something.
 */
export function printProto(file: FileDescriptorProto): string {
  if (file.syntax !== "" && file.syntax !== "proto2") throw new Error(`${file.name}: only proto2 can be printed`);
  if (file.service.length > 0) throw new Error(`${file.name}: services cannot be printed`);
  const lines = ['syntax = "proto2";', "", `package ${file.package};`, ""];
  for (const path of file.dependency) lines.push(`import "${path}";`);
  for (const extension of file.extension) {
    lines.push("", `extend ${extension.extendee} {`, `  ${printField(extension, file, true)}`, "}");
  }
  for (const message of file.messageType) lines.push("", ...printMessage(message, file));
  for (const enumeration of file.enumType) lines.push("", ...printEnum(enumeration));
  return `${lines.join("\n")}\n`;
}

function printMessage(message: DescriptorProto, file: FileDescriptorProto): string[] {
  if (message.options?.mapEntry) throw new Error(`${file.name}: ${message.name}: maps cannot be printed`);
  const lines: string[] = [];
  for (const range of message.extensionRange) lines.push(`extensions ${printRange(range.start, range.end)};`);
  for (const range of message.reservedRange) lines.push(`reserved ${printRange(range.start, range.end)};`);
  if (message.reservedName.length > 0) lines.push(`reserved ${message.reservedName.map(quote).join(", ")};`);
  for (const nested of message.nestedType) lines.push(...printMessage(nested, file));
  for (const enumeration of message.enumType) lines.push(...printEnum(enumeration));
  message.oneofDecl.forEach((oneof, index) => {
    const members = message.field.filter((field) => isInOneof(field) && field.oneofIndex === index);
    lines.push(`oneof ${oneof.name} {`, ...members.map((field) => `  ${printField(field, file, false)}`), "}");
  });
  for (const field of message.field) if (!isInOneof(field)) lines.push(printField(field, file, true));
  for (const extension of message.extension) {
    lines.push(`extend ${extension.extendee} {`, `  ${printField(extension, file, true)}`, "}");
  }
  return [`message ${message.name} {`, ...lines.map((line) => `  ${line}`), "}"];
}

function printEnum(enumeration: EnumDescriptorProto): string[] {
  const lines = enumeration.value.map((value) => `  ${value.name} = ${value.number};`);
  if (enumeration.options?.allowAlias) lines.unshift("  option allow_alias = true;");
  for (const { start, end } of enumeration.reservedRange) {
    lines.push(`  reserved ${start} to ${end === enumNumberMax ? "max" : end};`);
  }
  if (enumeration.reservedName.length > 0) lines.push(`  reserved ${enumeration.reservedName.map(quote).join(", ")};`);
  return [`enum ${enumeration.name} {`, ...lines, "}"];
}

function printField(field: FieldDescriptorProto, file: FileDescriptorProto, labelled: boolean): string {
  if (field.defaultValue !== "") throw new Error(`${file.name}: ${field.name}: defaults cannot be printed`);
  const type = field.typeName === "" ? scalars[field.type] : field.typeName;
  if (type === undefined || field.type === FieldDescriptorProto_Type.GROUP) {
    throw new Error(`${file.name}: ${field.name}: this type cannot be printed`);
  }
  const label = labelled ? `${labelOf(field)} ` : "";
  return `${label}${type} ${field.name} = ${field.number};`;
}

function labelOf(field: FieldDescriptorProto): string {
  switch (field.label) {
    case FieldDescriptorProto_Label.REPEATED:
      return "repeated";
    case FieldDescriptorProto_Label.REQUIRED:
      return "required";
    default:
      return "optional";
  }
}

// oneof_index 0 and no oneof are told apart by presence only.
function isInOneof(field: FieldDescriptorProto): boolean {
  return Object.hasOwn(field, "oneofIndex");
}

function printRange(start: number, end: number): string {
  if (end === fieldNumberEnd) return `${start} to max`;
  return end - start === 1 ? `${start}` : `${start} to ${end - 1}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
