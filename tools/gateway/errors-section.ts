import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Condition, type ErrorReply, errorReplies } from "./error-replies.ts";
import type { Section } from "./sections.ts";

const domain = "quartet";
const typePrefix = "type.googleapis.com/";

/** One mapper for each error and each kind of caller: gRPC, Connect, and REST for everybody else. */
export function errorsSection(contract: Uint8Array): Section {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, contract));
  return [
    "# gRPC and gRPC-Web callers: plain text, which becomes grpc-message, and google.rpc.Status in the details. Calls that",
    "# were REST look the same once they are transcoded, but for the header.",
    ...mappers({ name: "grpc", filter: isGrpc, format: (reply) => grpcFormat(reply, registry) }),
    "# Connect callers: the errors of that protocol.",
    ...mappers({ name: "connect", filter: isConnect, format: (reply) => connectFormat(reply, registry) }),
    "# REST callers: google.rpc.Status as JSON, as the transcoder makes of the services' errors.",
    ...mappers({ format: restFormat }),
  ];
}

const isTranscoded = "header_filter: { header: { name: x-envoy-original-method, present_match: true } }";
const isNotTranscoded = isTranscoded.replace("present_match: true", "present_match: false");
const isGrpc = [
  "and_filter:",
  "  filters:",
  "    - header_filter: { header: { name: content-type, string_match: { prefix: application/grpc } } }",
  `    - ${isNotTranscoded}`,
];
const isConnect = [
  "and_filter:",
  "  filters:",
  `    - ${isNotTranscoded}`,
  "    - or_filter:",
  "        filters:",
  "          - header_filter: { header: { name: connect-protocol-version, present_match: true } }",
  "          - header_filter: { header: { name: content-type, string_match: { safe_regex: { regex: 'application/(proto|connect\\+.*)' } } } }",
  "          - header_filter: { header: { name: \":path\", string_match: { safe_regex: { regex: '/[a-z0-9_.]+\\.[A-Z]\\w*/.*' } } } }",
];

function mappers(caller: {
  name?: string;
  filter?: readonly string[];
  format: (reply: ErrorReply) => readonly string[];
}): string[] {
  return errorReplies.flatMap((reply, index) => {
    const condition = `error_${index + 1}`;
    const lines = [`# ${reply.reason}`];
    if (caller.name === undefined || caller.filter === undefined) {
      lines.push(`- filter: *${condition}`);
    } else {
      const defined = caller.name === "grpc";
      lines.push("- filter:", "    and_filter:", "      filters:");
      if (index === 0) {
        lines.push(`        - &${caller.name}_caller`, ...caller.filter.map((line) => `          ${line}`));
      } else {
        lines.push(`        - *${caller.name}_caller`);
      }
      lines.push(`        - ${defined ? `&${condition} { ${envoyFilter(reply.when)} }` : `*${condition}`}`);
    }
    if (reply.status !== undefined) lines.push(`  status_code: ${reply.status}`);
    return [...lines, ...caller.format(reply).map((line) => `  ${line}`)];
  });
}

function envoyFilter(when: Condition): string {
  const compare = (op: string, value: number) =>
    `status_code_filter: { comparison: { op: ${op}, value: { default_value: ${value}, runtime_key: gateway.error } } }`;
  const detailed = (expression: string) =>
    `extension_filter: { name: cel, typed_config: { "@type": ${typePrefix}envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter, expression: "${expression}" } }`;
  if ("status" in when) return compare("EQ", when.status);
  if ("statusFrom" in when) return compare("GE", when.statusFrom);
  if ("details" in when) return detailed(`response.code_details == '${when.details}'`);
  return detailed(`response.code_details.startsWith('${when.detailsPrefix}')`);
}

function grpcFormat(reply: ErrorReply, registry: FileRegistry): string[] {
  const status = message(registry, "google.rpc.Status");
  const details = detailsOf(reply, registry).map(({ schema, bytes }) => ({
    typeUrl: `${typePrefix}${schema.typeName}`,
    value: bytes,
  }));
  const bytes = toBinary(
    status,
    create(status, { code: reply.grpcCode ?? reply.code, message: reply.message, details } as object),
  );
  return [
    `body_format_override: { text_format_source: { inline_string: ${JSON.stringify(reply.message)} } }`,
    `headers_to_add: [{ header: { key: grpc-status-details-bin, value: ${base64(bytes)} } }]`,
  ];
}

function connectFormat(reply: ErrorReply, registry: FileRegistry): string[] {
  const details = detailsOf(reply, registry).map(
    ({ schema, bytes }) => `{ type: ${schema.typeName}, value: ${base64(bytes)} }`,
  );
  return [
    "body_format_override:",
    `  json_format: { code: ${reply.connectCode}, message: ${JSON.stringify(reply.message)}, details: [${details.join(", ")}] }`,
  ];
}

function restFormat(reply: ErrorReply): string[] {
  const metadata = reply.tellsCause ? '{ cause: "%LOCAL_REPLY_BODY%" }' : "{}";
  const lines = [
    "body_format_override:",
    "  json_format:",
    `    code: ${reply.code}`,
    `    message: ${JSON.stringify(reply.message)}`,
    "    details:",
    `      - { "@type": ${typePrefix}google.rpc.ErrorInfo, reason: ${reply.reason}, domain: ${domain}, metadata: ${metadata} }`,
  ];
  if (reply.retryDelaySeconds !== undefined) {
    lines.push(`      - { "@type": ${typePrefix}google.rpc.RetryInfo, retryDelay: ${reply.retryDelaySeconds}s }`);
  }
  return lines;
}

function detailsOf(reply: ErrorReply, registry: FileRegistry): { schema: DescMessage; bytes: Uint8Array }[] {
  const info = message(registry, "google.rpc.ErrorInfo");
  const encode = (schema: DescMessage, fields: object) => ({ schema, bytes: toBinary(schema, create(schema, fields)) });
  const details = [encode(info, { reason: reply.reason, domain })];
  if (reply.retryDelaySeconds !== undefined) {
    const retryDelay = { seconds: BigInt(reply.retryDelaySeconds) };
    details.push(encode(message(registry, "google.rpc.RetryInfo"), { retryDelay }));
  }
  return details;
}

function message(registry: FileRegistry, name: string): DescMessage {
  const found = registry.getMessage(name);
  if (found === undefined) throw new Error(`the contract does not hold ${name}`);
  return found;
}

// Without padding, as gRPC and Connect write it.
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}
