import type { Show, VisitOptions } from "./visit.ts";

interface Entry {
  readonly orderEvent?: { readonly sequence: string; readonly cause: string };
  readonly last: boolean;
  readonly order?: { readonly state: string };
}

/** What a customer does, by fetch and REST alone. */
export async function visit({ gateway, email, search }: VisitOptions, show: Show): Promise<void> {
  const password = "correct horse battery staple";
  let authorization: Record<string, string> = {};

  const answer = async (method: string, path: string, body?: object): Promise<Response> => {
    const response = await fetch(`${gateway}${path}`, {
      method,
      headers: {
        ...authorization,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(method === "POST" ? { "idempotency-key": crypto.randomUUID() } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.headers.get("x-request-id") === null) throw new Error(`${path} shows no x-request-id`);
    return response;
  };
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes; the tests say what it must be.
  const call = async (method: string, path: string, body?: object): Promise<any> => {
    const response = await answer(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return response.json();
  };
  const refusal = async (method: string, path: string, body?: object): Promise<string | undefined> => {
    const error = (await (await answer(method, path, body)).json()) as { details?: { reason?: string }[] };
    return error.details?.[0]?.reason;
  };
  const follow = async (order: { name: string }, onFirst: () => Promise<void> = async () => {}) => {
    const response = await answer("GET", `/v1/${order.name}:watch`);
    let count = 0;
    let isComplete = false;
    for await (const { orderEvent, last, order: settled } of entriesOf(response)) {
      if (orderEvent !== undefined) show("entry", [Number(orderEvent.sequence), orderEvent.cause]);
      if (orderEvent !== undefined && ++count === 1) await onFirst();
      if (last) show("last", settled?.state);
      isComplete = last;
    }
    if (!isComplete) throw new Error("the stream was cut");
  };

  const user = await call("POST", "/v1/users", { email, password, displayName: "Ada" });
  show("signed up", user.displayName);
  const session = await call("POST", "/v1/sessions", { email, password });
  authorization = { authorization: `Bearer ${session.accessToken}` };
  show("logged in", session.user === user.name);
  const named = { ...user, displayName: "Ada Lovelace" };
  show("renamed", (await call("PATCH", `/v1/${user.name}?updateMask=displayName`, named)).displayName);

  const { products } = await call("GET", `/v1/products?search=${search}&orderBy=price`);
  show(
    "found",
    products.map((product: { displayName: string }) => product.displayName),
  );
  const lines = [{ product: products[0].name, quantity: 1 }];
  const order = await call("POST", "/v1/orders", { lines, paymentToken: "tok_visa" });
  show("ordered", order.state);
  await follow(order);

  const slow = await call("POST", "/v1/orders", { lines, paymentToken: "tok_delay_5000" });
  await follow(slow, async () => show("cancelled", (await call("POST", `/v1/${slow.name}:cancel`)).state));

  const own = authorization;
  authorization = {};
  show("refused", await refusal("GET", `/v1/${order.name}`));
  authorization = own;
  show("logged out", await call("DELETE", `/v1/${session.name}`));
  show("refused", await refusal("POST", "/v1/sessions:refresh", { refreshToken: session.refreshToken }));
}

/** The entries of a watch as they come: one JSON object a line. */
async function* entriesOf(response: Response): AsyncGenerator<Entry> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) return;
    const lines = `${rest}${value}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}
