import { createHash } from "node:crypto";
import { type SeedProduct, seedProducts } from "./products.ts";

/** What one run of the seed did; "refused" when the administrator's password is not the one the shop knows. */
export type SeedResult = "refused" | { readonly created: number; readonly present: number };

const requestTimeoutMs = 10_000;
const attemptsMax = 20;
const retryDelayMs = 500;
const pageSize = 100;
const pagesMax = 100;
/** Busy, limited or not there yet: worth another try with the same request id. */
const passingStatuses = new Set([429, 502, 503, 504]);

/** A UUID that depends on the product's name alone, so that a repeated create is the same request. */
export function requestIdOf(product: Pick<SeedProduct, "displayName">): string {
  const digits = createHash("sha256").update(`quartet seed: ${product.displayName}`).digest("hex");
  const variant = ((Number.parseInt(digits.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-5${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}

/** Creates the products that the shop does not have yet, through the gateway, as the administrator. Repeatable. */
export async function seed(options: {
  gatewayUrl: string;
  admin: { readonly email: string; readonly password: string };
  products?: readonly SeedProduct[];
}): Promise<SeedResult> {
  const { gatewayUrl, admin, products = seedProducts } = options;
  const login = await call(`${gatewayUrl}/v1/sessions`, { body: admin });
  if (login.status === 401 || login.status === 404) return "refused";
  const token = String(expectOk(login, "log in").accessToken);

  const present = await namesOfAll(gatewayUrl);
  const missing = products.filter(({ displayName }) => !present.has(displayName));
  for (const product of missing) {
    const created = await call(`${gatewayUrl}/v1/products`, {
      token,
      body: {
        displayName: product.displayName,
        description: product.description,
        category: product.category,
        price: { currency: "EUR", minorUnits: String(product.priceCents) },
        initialQuantity: product.quantity,
        requestId: requestIdOf(product),
      },
    });
    expectOk(created, `create "${product.displayName}"`);
  }
  return { created: missing.length, present: products.length - missing.length };
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function call(url: string, options: { token?: string; body?: unknown } = {}): Promise<Answer> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(url, {
        method: options.body === undefined ? "GET" : "POST",
        headers,
        body: options.body === undefined ? undefined : JSON.stringify(options.body),
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      const text = await response.text();
      if (!passingStatuses.has(response.status) || attempt >= attemptsMax) {
        return { status: response.status, body: parse(text) };
      }
    } catch (error) {
      if (attempt >= attemptsMax) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, retryDelayMs));
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { message: text };
  }
}

function expectOk(answer: Answer, what: string): Answer["body"] {
  if (answer.status === 200) return answer.body;
  throw new Error(`The seed could not ${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

async function namesOfAll(gatewayUrl: string): Promise<Set<string>> {
  const names = new Set<string>();
  let pageToken = "";
  for (let page = 0; page < pagesMax; page++) {
    const query = new URLSearchParams({ pageSize: String(pageSize), pageToken });
    const body = expectOk(await call(`${gatewayUrl}/v1/products?${query}`), "list the products");
    for (const { displayName } of body.products as { displayName: string }[]) names.add(displayName);
    pageToken = String(body.nextPageToken ?? "");
    if (pageToken === "") break;
  }
  return names;
}
