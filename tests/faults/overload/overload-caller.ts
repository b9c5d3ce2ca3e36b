// Calls the shop as a process of its own, and prints as JSON what came of the calls. It does no more than it must, so that
// it is not what is measured: no client library, and no work between a call and its answer.
import { randomUUID } from "node:crypto";
import {
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { RetryInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { CreateOrderRequestSchema } from "@quartet/proto/shop/order/v1/order_service_pb";
import { GetProductRequestSchema } from "@quartet/proto/shop/product/v1/product_service_pb";

/** What the process is told, as JSON in its first argument. */
export interface CallerTask {
  /** Where to call: "http://host:port", which speaks HTTP/2. */
  readonly url: string;
  readonly wire: "grpc" | "rest";
  readonly method: "CreateOrder" | "GetProduct";
  readonly token: string;
  /** How many connections the calls are spread over. */
  readonly connections: number;
  /** Resource name of a product of which there is enough. */
  readonly product: string;
  readonly seconds: number;
  /** How long each caller waits. By gRPC it tells the server. */
  readonly deadlineMs: number;
  /** Callers who each wait for an answer before they call again; or calls per second, whatever comes of them. */
  readonly load: { readonly callers: number } | { readonly perSecond: number };
}

/** What came of the calls. */
export interface CallerReport {
  readonly offered: number;
  /** Answered in time. */
  readonly good: number;
  /** The same for each second of the time. */
  readonly goodBySecond: readonly number[];
  /** By what was said instead: a reason, or what became of the stream. */
  readonly refused: Readonly<Record<string, number>>;
  /** Reasons of refusals that did not say when to come back. */
  readonly withoutRetryInfo: readonly string[];
  /** How long good calls and refused ones took, ms. */
  readonly goodMs: Quantiles;
  readonly refusedMs: Quantiles;
  /** By how much a call was made later than it should have been, at most: a caller that is held up offers no steady load. */
  readonly behindMs: number;
  /** What share of one processor this process took. */
  readonly processorShare: number;
  /** When each order's caller stopped waiting, ms since the epoch, by request id. */
  readonly deadlines: Readonly<Record<string, number>>;
}

/** The middle, the last hundredth and the end. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

async function runCalls(task: CallerTask): Promise<CallerReport> {
  const { connections } = task;
  const open = () => connect(task.url).on("error", () => {});
  const sessions = Array.from({ length: connections }, open);
  const [good, refused]: [number[], number[]] = [[], []];
  const goodBySecond = Array.from({ length: task.seconds }, () => 0);
  const reasons: Record<string, number> = {};
  const withoutRetryInfo = new Set<string>();
  const deadlines: Record<string, number> = {};
  const usage = process.cpuUsage();
  const startTime = performance.now();
  const endTime = startTime + task.seconds * 1_000;
  let [offered, behindMs] = [0, 0];

  const callOnce = async (): Promise<void> => {
    const place = offered++ % connections;
    let session = sessions[place];
    if (session === undefined || session.closed || session.destroyed) {
      session = open();
      sessions[place] = session;
    }
    const requestId = randomUUID();
    if (task.method === "CreateOrder") deadlines[requestId] = Date.now() + task.deadlineMs;
    const { headers, body } = requestOf(task, requestId);
    const callTime = performance.now();
    const answer = await answerOf(session.request(headers), body, task);
    const time = performance.now();
    if (answer === "good") {
      good.push(time - callTime);
      const second = Math.min(Math.floor((time - startTime) / 1_000), task.seconds - 1);
      goodBySecond[second] = (goodBySecond[second] ?? 0) + 1;
      return;
    }
    reasons[answer.reason] = (reasons[answer.reason] ?? 0) + 1;
    if (!answer.isRefusal) return;
    refused.push(time - callTime);
    if (!answer.saysWhen) withoutRetryInfo.add(answer.reason);
  };

  if ("callers" in task.load) {
    const caller = async () => {
      while (performance.now() < endTime) await callOnce();
    };
    await Promise.all(Array.from({ length: task.load.callers }, caller));
  } else {
    const { perSecond } = task.load;
    const underWay = new Set<Promise<void>>();
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const now = Math.min(performance.now(), endTime);
        behindMs = Math.max(behindMs, now - startTime - (offered / perSecond) * 1_000);
        while (offered < ((now - startTime) / 1_000) * perSecond) {
          const call = callOnce().finally(() => underWay.delete(call));
          underWay.add(call);
        }
        if (now < endTime) return;
        clearInterval(timer);
        resolve();
      }, 2);
    });
    await Promise.all(underWay);
  }

  const { user, system } = process.cpuUsage(usage);
  const processorShare = (user + system) / 1_000 / (performance.now() - startTime);
  for (const session of sessions) session.destroy();
  return {
    ...{ offered, good: good.length, goodBySecond, refused: reasons, withoutRetryInfo: [...withoutRetryInfo] },
    ...{ goodMs: quantilesOf(good), refusedMs: quantilesOf(refused), behindMs, processorShare, deadlines },
  };
}

/** A request, ready to be sent. */
interface Request {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

function requestOf(task: CallerTask, requestId: string): Request {
  const { wire, method, token, product, deadlineMs } = task;
  const authorization = `Bearer ${token}`;
  const order = { lines: [{ product, quantity: 1 }], paymentToken: "tok_visa", requestId };
  if (wire === "rest") {
    const [verb, path] = method === "CreateOrder" ? ["POST", "/v1/orders"] : ["GET", `/v1/${product}`];
    const body = Buffer.from(method === "CreateOrder" ? JSON.stringify(order) : "");
    const type = body.byteLength > 0 ? { "content-type": "application/json" } : {};
    return { headers: { ":method": verb, ":path": path, authorization, ...type }, body };
  }
  const isOrder = method === "CreateOrder";
  const path = isOrder ? "/shop.order.v1.OrderService/CreateOrder" : "/shop.product.v1.ProductService/GetProduct";
  const timeout = { "content-type": "application/grpc", te: "trailers", "grpc-timeout": `${deadlineMs}m` };
  const bytes = isOrder
    ? toBinary(CreateOrderRequestSchema, create(CreateOrderRequestSchema, order))
    : toBinary(GetProductRequestSchema, create(GetProductRequestSchema, { name: product }));
  const body = Buffer.alloc(5 + bytes.byteLength);
  body.writeUInt32BE(bytes.byteLength, 1);
  body.set(bytes, 5);
  return { headers: { ":method": "POST", ":path": path, authorization, ...timeout }, body };
}

/** What a call came to: success, or why not, and whether that was a refusal that says when to come back. */
type Answer = "good" | { readonly reason: string; readonly isRefusal: boolean; readonly saysWhen: boolean };

const neither = { isRefusal: false, saysWhen: false };

/** Resolves within the deadline, whatever becomes of the stream. */
function answerOf(stream: ClientHttp2Stream, body: Buffer, { wire, deadlineMs }: CallerTask): Promise<Answer> {
  return new Promise((resolve) => {
    let isSettled = false;
    const settle = (answer: Answer) => {
      isSettled = true;
      clearTimeout(timer);
      resolve(answer);
    };
    const timer = setTimeout(() => {
      settle({ reason: "not answered in time", ...neither });
      stream.close(constants.NGHTTP2_CANCEL);
    }, deadlineMs);
    const parts: Buffer[] = [];
    let status = 0;
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
      if (headers["grpc-status"] !== undefined) settle(ofGrpc(headers));
    });
    stream.on("data", (part: Buffer) => parts.push(part));
    if (wire === "grpc") stream.on("trailers", (headers) => settle(ofGrpc(headers)));
    else {
      stream.on("end", () => {
        // What the deadline cut off ends too, somewhere in its body.
        if (status > 0 && !isSettled) settle(status === 200 ? "good" : ofRest(status, Buffer.concat(parts).toString()));
      });
    }
    stream.on("error", ({ message }) => settle({ reason: message, ...neither }));
    stream.on("close", () => settle({ reason: "closed without an answer", ...neither }));
    if (body.byteLength > 0) stream.end(body);
  });
}

function ofGrpc(headers: IncomingHttpHeaders): Answer {
  if (headers["grpc-status"] === "0") return "good";
  const found = new Headers();
  for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin"]) {
    if (headers[name] !== undefined) found.set(name, String(headers[name]));
  }
  const error = findTrailerError(found);
  if (error === undefined) return "good";
  const retryDelay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const reason = errorInfoOf(error)?.reason ?? `code ${error.code}`;
  return refusal(reason, retryDelay === undefined ? 0 : durationMs(retryDelay));
}

function ofRest(status: number, text: string): Answer {
  const { details = [] } = JSON.parse(text) as { details?: { reason?: string; retryDelay?: string }[] };
  const reason = details.find((detail) => detail.reason !== undefined)?.reason ?? `status ${status}`;
  const delay = details.find(({ retryDelay }) => retryDelay !== undefined)?.retryDelay ?? "0s";
  return refusal(reason, Number.parseFloat(delay) * 1_000);
}

function refusal(reason: string, retryDelayMs: number): Answer {
  return { reason, isRefusal: reason !== "DEADLINE_EXCEEDED", saysWhen: retryDelayMs > 0 };
}

function quantilesOf(values: number[]): Quantiles {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

if (import.meta.main) {
  const task: CallerTask = JSON.parse(process.argv[2] ?? "{}");
  process.stdout.write(JSON.stringify(await runCalls(task)));
}
