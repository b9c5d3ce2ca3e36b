import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type DescService,
  getOption,
  type Message,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { loadContract } from "@quartet/chassis/contract";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";

/** All methods of the services of the contract. One that is added joins the tests without further ado. */
export function allMethods(): DescMethod[] {
  return allServices().flatMap(({ methods }) => methods);
}

function allServices(): DescService[] {
  const files = [...contract.registry.files].filter(({ proto }) => /^shop\.\w+\.v\d+$/.test(proto.package));
  return files.flatMap(({ services }) => services);
}

const contract = loadContract();

/** The field of a method's request that names a resource in its path, and the collection: `{order.name=orders/*}`. */
export function resourceOf(method: DescMethod): { field: string; collection: string } | undefined {
  const http = contract.registry.getExtension("google.api.http");
  if (http === undefined) throw new Error("the contract does not hold google.api.http");
  const { pattern } = getOption(method, http) as { pattern: { value?: string | { path: string } } };
  const template = typeof pattern.value === "string" ? pattern.value : pattern.value?.path;
  const [, field, collection] = /\{([\w.]+)=(\w+)\/\*/.exec(template ?? "") ?? [];
  return field === undefined || collection === undefined ? undefined : { field, collection };
}

/** A request of a method with some fields, and one text at a path in it, as in "order.name". */
export function requestOf(
  method: DescMethod,
  fields: Readonly<Record<string, unknown>> = {},
  text?: { readonly path: string; readonly value: string },
): Message {
  return create(method.input, text === undefined ? fields : { ...fields, ...nested(method.input, text) });
}

function nested(message: DescMessage, { path, value }: { path: string; value: string }): Record<string, unknown> {
  const [name = "", ...rest] = path.split(".");
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`${message.typeName} has no field ${name}`);
  if (rest.length === 0) return { [field.localName]: value };
  if (field.fieldKind !== "message") throw new Error(`${message.typeName}.${name} holds no fields`);
  return { [field.localName]: nested(field.message, { path: rest.join("."), value }) };
}

/** How a call ended: undefined when it succeeded. Of a stream, the first message or its end decides. */
export async function failureOf(
  transport: Transport,
  method: DescMethod,
  request: Message,
  authorization: string | undefined,
): Promise<ConnectError | undefined> {
  try {
    await answerOf(transport, method, request, authorization);
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}

/** What a call answers. Of a stream, the first message; undefined when it ends without one. */
export async function answerOf(
  transport: Transport,
  method: DescMethod,
  request: Message,
  authorization: string | undefined,
): Promise<Message | undefined> {
  const headers = authorization === undefined ? {} : { authorization };
  if (method.methodKind === "unary") {
    return (await transport.unary(method as DescMethodUnary, undefined, undefined, headers, request)).message;
  }
  if (method.methodKind !== "server_streaming") {
    throw new Error(`${method.name} streams requests, which the contract does not allow`);
  }
  const gone = new AbortController();
  const requests = (async function* () {
    yield request;
  })();
  const streaming = method as DescMethodStreaming;
  const { message } = await transport.stream(streaming, gone.signal, undefined, headers, requests);
  const first = await message[Symbol.asyncIterator]().next();
  gone.abort();
  return first.done ? undefined : first.value;
}

/** A result in short: "OK", or code and reason. */
export function nameOf(failure: ConnectError | undefined): string {
  if (failure === undefined) return "OK";
  return `${Code[failure.code]} ${errorInfoOf(failure)?.reason}`;
}
