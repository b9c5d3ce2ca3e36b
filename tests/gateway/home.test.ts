import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "mocha";
import { homeSection } from "../../tools/gateway/home-section.ts";
import { readMethods } from "../../tools/gateway/methods.ts";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import { assertRestError } from "./expected-error.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";
import { eventually, readContract } from "./gateway-process.ts";

const pageFile = new URL("../../envoy/index.html", import.meta.url);

describe("the gateway's page for people", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  it("is envoy/index.html, with every service, and by HEAD without its body", async () => {
    const page = await fixture.http("GET", "/");
    assert.equal(page.status, 200);
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    // Line by line, but for those that stand there once for each service.
    const lines = new Set(page.text.split("\n"));
    const template = (await readFile(pageFile, "utf8")).replace(/<!-- each service -->.*?<!-- end -->/gs, "");
    assert.deepEqual(
      template.split("\n").filter((line) => !lines.has(line)),
      [],
    );
    assert.doesNotMatch(page.text, /SERVICE|COLLECTIONS|INTERFACES|<!-- /);
    const head = await fixture.http("HEAD", "/");
    assert.equal(head.status, 200);
    assert.equal(head.text, "");
    assert.equal(head.headers.get("content-type"), "text/html; charset=utf-8");
    assertRestError(await fixture.http("POST", "/"), 404, 5, "ROUTE_NOT_FOUND");
  });

  it("may run its own script and style, ask this gateway, and nothing else", async () => {
    const { headers, text } = await fixture.http("GET", "/");
    const policy = new Map(
      (headers.get("content-security-policy") ?? "").split("; ").map((part) => {
        const [name = "", ...values] = part.split(" ");
        return [name, values.join(" ")];
      }),
    );
    for (const element of ["script", "style"]) {
      const [, content = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(text) ?? [];
      const hash = createHash("sha256").update(content).digest("base64");
      assert.equal(policy.get(`${element}-src`), `'sha256-${hash}'`);
    }
    for (const name of ["default-src", "base-uri", "form-action", "frame-ancestors"]) {
      assert.equal(policy.get(name), "'none'");
    }
    assert.equal(policy.get("connect-src"), "'self'");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  });

  it("shows every service of the contract, its addresses and its state", async () => {
    const { text } = await fixture.http("GET", "/");
    for (const { upstream, service, bindings } of readMethods(await readContract())) {
      assert.ok(text.includes(`href="/readyz/${upstream}"`), upstream);
      assert.ok(text.includes(`<code>/${service}/</code>`), service);
      for (const { template } of bindings) {
        const [, collection] = /^\/v1\/(?:\{[^=]+=)?(\w+)/.exec(template) ?? [];
        assert.ok(text.includes(`<code>/v1/${collection}</code>`), template);
      }
    }
    for (const [, path = ""] of text.matchAll(/href="(\/[^"]*)"/g)) {
      assert.equal((await fixture.http("GET", path.replaceAll("&amp;", "&"))).status, 200, path);
    }
  });
});

describe("the readiness of each service", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  it("is told to everybody, and to GET only", async () => {
    for (const service of serviceNames) {
      const answer = await fixture.http("GET", `/readyz/${service}`);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, { serving: true });
      assertRestError(await fixture.http("POST", `/readyz/${service}`, { body: {} }), 404, 5, "ROUTE_NOT_FOUND");
    }
    assert.equal(fixture.services.calls.length, 0);
  });

  it("is 503 while a service rests or is gone, and 200 when it is back", async () => {
    const readiness = async () => (await fixture.http("GET", "/readyz/order-svc")).status;
    fixture.services.setServing("order-svc", false);
    assert.equal(await readiness(), 503);
    fixture.services.setServing("order-svc", true);
    await eventually("order-svc is ready", async () => (await readiness()) === 200);
    await fixture.services.kill("order-svc");
    assertRestError(await fixture.http("GET", "/readyz/order-svc"), 503, 14, "SERVICE_UNAVAILABLE");
    assert.equal((await fixture.http("GET", "/readyz/user-svc")).status, 200);
    await fixture.services.restart("order-svc");
    await eventually("order-svc is ready again", async () => (await readiness()) === 200);
  });

  it("counts as a read", async () => {
    const narrow = await startFixture({ rateLimits: { read: { burst: 3, perSecond: 1 } } });
    try {
      const answers = [];
      for (let call = 0; call < 10; call++) answers.push(await narrow.http("GET", "/readyz/user-svc"));
      const refused = answers.filter(({ status }) => status !== 200);
      assert.ok(refused.length >= 5, `${refused.length} were refused`);
      for (const answer of refused) assertRestError(answer, 429, 8, "RATE_LIMITED");
      assert.equal((await narrow.http("GET", "/")).status, 200);
    } finally {
      await narrow.stop();
    }
  });
});

describe("homeSection", () => {
  it("refuses a page that its own policy would break", () => {
    for (const part of [
      '<script src="x.js"></script>',
      '<p style="color: red">',
      '<button onclick="x()">',
      '<link rel="stylesheet" href="x.css">',
      '<img src="x.png">',
    ]) {
      assert.throws(() => homeSection(`<!doctype html>\n${part}\n`, [], []), /its policy forbids/, part);
    }
  });
});
