import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { waitUntil } from "../../tools/stack/ready.ts";

/** The answer to a REST call. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes; the assertions say what it must be.
  readonly body: any;
}

/** An order as REST shows it. */
export interface OrderJson {
  readonly name: string;
  readonly state: string;
  readonly cancelReason: string;
  readonly stockState: string;
  readonly paymentState: string;
  readonly total: { readonly currency: string; readonly minorUnits: string };
  readonly captured?: { readonly minorUnits: string };
  readonly refunded?: { readonly minorUnits: string };
}

/** One line of an order. */
export interface Line {
  readonly product: string;
  readonly quantity: number;
}

type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** A caller of the shop's REST API. */
export interface ShopClient {
  readonly gateway: string;
  readonly token: string | undefined;
  readonly call: Call;
  get(path: string): Promise<Answer>;
  /** Places an order that must be accepted, of products that exist. */
  order(lines: readonly Line[], paymentToken?: string, headers?: Record<string, string>): Promise<OrderJson>;
  /** Cancels an order that can be cancelled. */
  cancel(order: { name: string }): Promise<OrderJson>;
  /** The order once it has a state. */
  reaches(order: { name: string }, state: string): Promise<OrderJson>;
  /** The order once stock and payment have said their last word about it. */
  settles(order: { name: string }): Promise<OrderJson>;
}

const requestTimeoutMs = 15_000;
const settleTimeoutMs = 60_000;
const lookIntervalMs = 25;
const newProductTimeoutMs = 20_000;
const patienceMs = 60_000;
const retryDelayMinMs = 50;
const retryDelayMaxMs = 1_000;
/** What a caller gets while a part is away: worth the same request again. */
const passingStatuses = new Set([429, 502, 503, 504]);
export const password = "correct horse battery staple";

/** Creates a caller without a token, or with one. */
export function shopClient(gateway: string, token?: string): ShopClient {
  return clientWith(gateway, token, async (method, path, body, headers = {}) => {
    const response = await fetch(`${gateway}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  });
}

/**
 * The same caller, who repeats a call, with the same request id, as long as nobody answers it. `onRetry` is told what
 * came instead: a status, or the error of a connection.
 */
export function patient(client: ShopClient, onRetry: (what: number | string) => void = () => {}): ShopClient {
  return clientWith(client.gateway, client.token, async (method, path, body, headers) => {
    const end = Date.now() + patienceMs;
    for (let delayMs = retryDelayMinMs; ; delayMs = Math.min(2 * delayMs, retryDelayMaxMs)) {
      const answer = await client.call(method, path, body, headers).catch((error: Error) => error);
      if (!(answer instanceof Error) && !passingStatuses.has(answer.status)) return answer;
      onRetry(answer instanceof Error ? answer.message : answer.status);
      if (Date.now() > end) throw new Error(`${method} ${path} is not answered`, { cause: answer });
      // Jittered, so that those who lost one part do not come back in step.
      await delay(delayMs * (0.5 + Math.random() / 2));
    }
  });
}

function clientWith(gateway: string, token: string | undefined, call: Call): ShopClient {
  const get: ShopClient["get"] = (path) => call("GET", path);
  const ok = ({ status, body }: Answer) => {
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const until = async (order: { name: string }, what: string, isThere: (order: OrderJson) => boolean) => {
    let last: Answer | undefined;
    const look = async () => {
      last = await get(`/v1/${order.name}`);
      return last.status === 200 && isThere(last.body);
    };
    const isDone = await waitUntil(look, settleTimeoutMs, lookIntervalMs);
    if (!isDone) throw new Error(`${order.name} does not ${what}: ${JSON.stringify(last)}`);
    return last?.body as OrderJson;
  };

  return {
    gateway,
    token,
    call,
    get,
    async order(lines, paymentToken = "tok_visa", headers = {}) {
      let answer: Answer | undefined;
      // order-svc may not have heard of a new product yet, nor product-svc be there to be asked.
      const isKnown = async () => {
        answer = await call("POST", "/v1/orders", { lines, paymentToken }, headers);
        return answer.body?.details?.[0]?.reason !== "PRICES_UNAVAILABLE";
      };
      await waitUntil(isKnown, newProductTimeoutMs, lookIntervalMs);
      return ok(answer as Answer);
    },
    cancel: async (order) => ok(await call("POST", `/v1/${order.name}:cancel`, {})),
    reaches: (order, state) => until(order, `reach ${state}`, (found) => found.state === `STATE_${state}`),
    settles: (order) => until(order, "settle", isSettled),
  };
}

/** Whether nothing more is to come for an order, by what a caller sees of it. */
export function isSettled(order: OrderJson): boolean {
  if (order.state === "STATE_CONFIRMED") return order.stockState === "STOCK_STATE_SOLD";
  if (order.state !== "STATE_CANCELLED" || order.stockState !== "STOCK_STATE_RELEASED") return false;
  const [captured = "0", refunded = "0"] = [order.captured?.minorUnits, order.refunded?.minorUnits];
  return order.paymentState !== "PAYMENT_STATE_UNSPECIFIED" && refunded === captured;
}

/** Signs a new customer up and in. */
export async function newCustomer(gateway: string): Promise<ShopClient & { readonly email: string }> {
  const email = `customer-${randomUUID()}@example.org`;
  const created = await shopClient(gateway).call("POST", "/v1/users", { email, password, displayName: "Ada" });
  assert.equal(created.status, 200, JSON.stringify(created.body));
  return { ...(await logIn(gateway, { email, password })), email };
}

/** Logs in. */
export async function logIn(gateway: string, account: { email: string; password: string }): Promise<ShopClient> {
  const { status, body } = await shopClient(gateway).call("POST", "/v1/sessions", account);
  assert.equal(status, 200, JSON.stringify(body));
  return shopClient(gateway, body.accessToken);
}

/** Creates a product as an administrator; returns its name. */
export async function newProduct(admin: ShopClient, changes: Record<string, unknown> = {}): Promise<string> {
  const { status, body } = await admin.call("POST", "/v1/products", {
    displayName: "Cup",
    category: "kitchen",
    price: { currency: "EUR", minorUnits: "1299" },
    initialQuantity: 100,
    ...changes,
  });
  assert.equal(status, 200, JSON.stringify(body));
  return body.name;
}
