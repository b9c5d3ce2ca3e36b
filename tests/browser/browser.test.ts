import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { after, before, describe, it } from "mocha";
import type { Browser, Page } from "playwright-core";
import { whyNoChromium } from "../../tools/stack/chromium.ts";
import { waitUntil } from "../../tools/stack/ready.ts";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import { type NativeSystem, startNativeSystem } from "../e2e/native-system.ts";
import { logIn, newProduct, password, shopClient } from "../e2e/shop-client.ts";
import { attemptsMax, goTo, isOfNetwork, openPage, startBrowser } from "./browser.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

const visitTimeoutMs = 60_000;
/** The page asks again every five seconds. */
const stateTimeoutMs = 30_000;

const settled = ["OrderPlaced", "StockReserved", "PaymentCaptured", "StockSold"];

if (whyNoChromium(process.env) === undefined) {
  describe("the shop in a browser", function () {
    this.timeout(180_000);
    let system: NativeSystem;
    let browser: Browser;
    let allowed: PageServer;
    let other: PageServer;
    /** Word that only the products of this test have. */
    const search = `lamp${randomUUID().slice(0, 8)}`;

    before(async () => {
      [allowed, other] = await Promise.all([startPageServer(), startPageServer()]);
      [system, browser] = await Promise.all([startNativeSystem({ corsOrigins: [allowed.origin] }), startBrowser()]);
      const admin = await logIn(system.gateway, system.admin);
      for (const [displayName, minorUnits] of [
        [`Dear ${search}`, "9900"],
        [`Cheap ${search}`, "1900"],
      ]) {
        await newProduct(admin, { displayName, price: { currency: "EUR", minorUnits } });
      }
    });
    after(async () => {
      await browser?.close();
      await Promise.all([allowed.close(), other.close(), system?.close()]);
    });

    /** Lets a page of an origin visit the shop as a new customer; returns how that ended, its steps and complaints. */
    const visit = async ({ origin }: PageServer, client: string) => {
      for (let attempt = 1; ; attempt++) {
        const { page, complaints } = await openPage(browser);
        const email = `${client}-${randomUUID()}@example.org`;
        await goTo(page, `${origin}/?${new URLSearchParams({ client, gateway: system.gateway, email, search })}`);
        await page.waitForSelector("body[data-end]", { timeout: visitTimeoutMs });
        const end = await page.getAttribute("body", "data-end");
        const items = await page.$$eval("#steps > li", (all) =>
          all.map(({ dataset, textContent }) => [dataset.name, textContent] as const),
        );
        await page.close();
        if (attempt < attemptsMax && complaints.some(isOfNetwork)) continue;
        const steps = items.map(([name = "", text]) => [name, JSON.parse(text || "null")] as [string, unknown]);
        return { end, steps, complaints, email };
      }
    };

    for (const client of ["rest", "connect"]) {
      it(`serves a customer on a page of another origin by ${client}, without a complaint`, async () => {
        const { end, steps, complaints } = await visit(allowed, client);
        assert.equal(end, "done", JSON.stringify(steps));
        const [first, second, ...more] = watches(steps);
        assert.deepEqual(more, []);
        assert.deepEqual(first?.causes, settled);
        assert.deepEqual(second?.causes.slice(0, 1), ["OrderPlaced"]);
        assert.ok(second?.causes.includes("OrderCancelled"), JSON.stringify(second));
        for (const watch of [first, second]) {
          assert.deepEqual(
            watch?.sequences,
            watch?.sequences.map((_, index) => index + 1),
          );
        }
        assert.deepEqual(
          steps.filter(([name]) => name !== "entry"),
          [
            ["signed up", "Ada"],
            ["logged in", true],
            ["renamed", "Ada Lovelace"],
            ["found", [`Cheap ${search}`, `Dear ${search}`]],
            ["ordered", "STATE_PENDING"],
            ["last", "STATE_CONFIRMED"],
            ["cancelled", "STATE_CANCELLED"],
            ["last", "STATE_CANCELLED"],
            ["refused", "MISSING_TOKEN"],
            ["logged out", {}],
            ["refused", "INVALID_REFRESH_TOKEN"],
          ],
        );
        // A browser writes down each answer that is an error: the two that the visit asks for.
        const [unauthenticated, rest] = partition(complaints, (text) => /status of 401/.test(text));
        assert.equal(unauthenticated.length, 2);
        assert.deepEqual(rest, []);
      });
    }

    for (const client of ["rest", "connect"]) {
      it(`does nothing for a page of a third origin by ${client}`, async () => {
        const { end, steps, complaints, email } = await visit(other, client);
        assert.equal(end, "failed");
        assert.deepEqual(
          steps.map(([name]) => name),
          ["failed"],
        );
        assert.ok(
          complaints.some((text) => /blocked by CORS policy/.test(text)),
          complaints.join("\n"),
        );
        const { status } = await shopClient(system.gateway).call("POST", "/v1/sessions", { email, password });
        assert.equal(status, 401, "nobody was signed up");
      });
    }

    it("shows on the gateway's page what is ready and what is not", async () => {
      const { page, complaints } = await openPage(browser);
      await goTo(page, system.gateway);
      const shows = async (expected: Record<string, string>) => {
        const all = { ...everythingReady, ...expected };
        await waitUntil(async () => isDeepStrictEqual(await statesOn(page), all), stateTimeoutMs);
        assert.deepEqual(await statesOn(page), all);
      };
      await shows({});
      assert.match((await page.textContent("#verdict")) ?? "", /^Everything is ready\./);
      assert.deepEqual(
        complaints.filter((text) => !isOfNetwork(text)),
        [],
      );

      await system.stop("order-svc");
      await shows({ "order-svc": "down" });
      assert.match((await page.textContent("#verdict")) ?? "", /^Not ready: order-svc\./);
      await system.start("order-svc");
      await shows({});

      await system.stop("rabbitmq");
      await shows({ broker: "down: events wait in the services" });
      await system.start("rabbitmq");
      await shows({});

      await system.stop("envoy");
      const unknown = "unknown: no answer";
      const lost = Object.keys(everythingReady).map((name) => [name, unknown]);
      await shows({ ...Object.fromEntries(lost), broker: "unknown: no service tells" });
      await system.start("envoy");
      await shows({});
      await page.close();
    });

    it("shows that page without JavaScript, too", async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await goTo(page, system.gateway);
      assert.match((await page.textContent("#summary")) ?? "", /Each name leads to\swhat that part says about itself/);
      await page.click("text=order-svc");
      assert.match((await page.textContent("body")) ?? "", /"broker":"connected"/);
      await context.close();
    });
  });
} else {
  it(`the shop in a browser: ${whyNoChromium(process.env)}`, function () {
    this.skip();
  });
}

const everythingReady: Record<string, string> = Object.fromEntries(
  ["gateway", ...serviceNames, "broker"].map((name) => [name, "ready"]),
);

async function statesOn(page: Page): Promise<Record<string, string>> {
  const names = await page.locator("#parts th").allTextContents();
  const states = await page.locator("#parts td").allTextContents();
  return Object.fromEntries(names.map((name, index) => [name, states[index] ?? ""]));
}

/** The entries of each watch, which a "last" ends. */
function watches(steps: readonly [string, unknown][]): { sequences: number[]; causes: string[] }[] {
  const found: { sequences: number[]; causes: string[] }[] = [];
  let open = { sequences: [] as number[], causes: [] as string[] };
  for (const [name, value] of steps) {
    if (name === "entry") {
      const [sequence, cause] = value as [number, string];
      open.sequences.push(sequence);
      open.causes.push(cause.split(".").at(-1) ?? "");
    }
    if (name !== "last") continue;
    found.push(open);
    open = { sequences: [], causes: [] };
  }
  return found;
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
