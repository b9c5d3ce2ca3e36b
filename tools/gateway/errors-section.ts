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
const envoysWords = "%LOCAL_REPLY_BODY%";

/** One mapper for each error and each kind of caller: gRPC, Connect, and REST for everybody else. */
export function errorsSection(contract: Uint8Array): Section {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, contract));
  return mappers([
    "gRPC and gRPC-Web callers: plain text, which becomes grpc-message, and google.rpc.Status in the details. A call that",
    "was REST looks the same once it is transcoded, but for a header.",
    { name: "grpc_caller", filter: isGrpc, format: (reply) => grpcFormat(reply, registry) },
    "Connect callers: the errors of that protocol.",
    { name: "connect_caller", filter: isConnect, format: (reply) => connectFormat(reply, registry) },
    "REST callers, and everybody else: google.rpc.Status as JSON, as the transcoder makes of the services' errors.",
    { name: "caller", filter: [], format: restFormat },
  ]);
}

const isNotTranscoded = "header_filter: { header: { name: x-envoy-original-method, present_match: false } }";
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

interface Caller {
  readonly name: string;
  /** Lines of the filter that recognises the caller; none means everybody. */
  readonly filter: readonly string[];
  readonly format: (reply: ErrorReply) => readonly string[];
}

// Filters that occur again are written once, with an anchor.
function mappers(callers: readonly (Caller | string)[]): string[] {
  const written = new Set<string>();
  const once = (name: string, line: string) => {
    if (written.has(name)) return `*${name}`;
    written.add(name);
    return `&${name} ${line}`;
  };
  return callers.flatMap((caller) => {
    if (typeof caller === "string") return [`# ${caller}`];
    const isEverybody = caller.filter.length === 0;
    return errorReplies.flatMap((reply, index) => {
      if (reply.isOfRest && !isEverybody) return [];
      const condition = once(`error_${index + 1}`, `{ ${envoyFilter(reply.when)} }`);
      const lines = [`# ${reply.reason}`];
      if (isEverybody) lines.push(`- filter: ${condition}`);
      else if (written.has(caller.name)) {
        lines.push(`- filter: { and_filter: { filters: [*${caller.name}, ${condition}] } }`);
      } else {
        written.add(caller.name);
        lines.push("- filter:", "    and_filter:", "      filters:");
        lines.push(`        - &${caller.name}`, ...caller.filter.map((line) => `          ${line}`));
        lines.push(`        - ${condition}`);
      }
      if (reply.status !== undefined) lines.push(`  status_code: ${reply.status}`);
      return [...lines, ...caller.format(reply).map((line) => `  ${line}`)];
    });
  });
}

function envoyFilter(when: Condition): string {
  const compare = (op: string, value: number) =>
    `status_code_filter: { comparison: { op: ${op}, value: { default_value: ${value}, runtime_key: gateway.error } } }`;
  const detailed = (expression: string) =>
    `extension_filter: { name: cel, typed_config: { "@type": ${typePrefix}envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter, expression: "${expression}" } }`;
  if ("route" in when) {
    const status = when.status === undefined ? "" : ` && response.code == ${when.status}`;
    return detailed(`xds.route_name == '${when.route}'${status}`);
  }
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
    create(status, { code: reply.grpcCode ?? reply.code, message: reply.message, details }),
  );
  return [
    `body_format_override: { text_format_source: { inline_string: ${JSON.stringify(reply.message)} } }`,
    headersToAdd({
      "grpc-status-details-bin": base64(bytes),
      ...(reply.setsGrpcStatus && { "grpc-status": `"${reply.code}"` }),
    }),
  ];
}

function headersToAdd(headers: Readonly<Record<string, string>>): string {
  const added = Object.entries(headers).map(([key, value]) => `{ header: { key: ${key}, value: ${value} } }`);
  return `headers_to_add: [${added.join(", ")}]`;
}

function connectFormat(reply: ErrorReply, registry: FileRegistry): string[] {
  const details = detailsOf(reply, registry).map(({ schema, bytes }) => ({
    type: schema.typeName,
    value: base64(bytes),
  }));
  return [...jsonFormat({ code: reply.connectCode, message: reply.message, details }), ...retryAfter(reply)];
}

function restFormat(reply: ErrorReply): string[] {
  const metadata = reply.tellsCause ? { cause: envoysWords } : {};
  const details: object[] = [{ "@type": `${typePrefix}google.rpc.ErrorInfo`, reason: reply.reason, domain, metadata }];
  if (reply.retryDelaySeconds !== undefined) {
    details.push({ "@type": `${typePrefix}google.rpc.RetryInfo`, retryDelay: `${reply.retryDelaySeconds}s` });
  }
  return [...jsonFormat({ code: reply.code, message: reply.message, details }), ...retryAfter(reply)];
}

/** The header that HTTP clients look for. The rate limits set it too. */
function retryAfter({ retryDelaySeconds }: ErrorReply): string[] {
  if (retryDelaySeconds === undefined) return [];
  const header = `{ key: retry-after, value: "${retryDelaySeconds}" }`;
  return [`headers_to_add: [{ header: ${header}, append_action: OVERWRITE_IF_EXISTS_OR_ADD }]`];
}

// As text, which keeps the order of the fields; where Envoy's words come in they must be escaped, which json_format does.
function jsonFormat(body: object): string[] {
  const json = JSON.stringify(body);
  return [
    json.includes(envoysWords)
      ? `body_format_override: { json_format: ${json} }`
      : `body_format_override: { content_type: application/json, text_format_source: { inline_string: '${json.replaceAll("'", "''")}' } }`,
  ];
}

function detailsOf(reply: ErrorReply, registry: FileRegistry): { schema: DescMessage; bytes: Uint8Array }[] {
  const info = message(registry, "google.rpc.ErrorInfo");
  const encode = (schema: DescMessage, fields: Record<string, unknown>) => ({
    schema,
    bytes: toBinary(schema, create(schema, fields)),
  });
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
