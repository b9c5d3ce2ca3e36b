import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescMethodUnary, DescService, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, type GrpcTransport } from "@quartet/chassis/rpc/client/grpc-transport";
import { eventually } from "@quartet/chassis/testing/eventually";
import { testRabbitMqUrl } from "@quartet/chassis/testing/rabbitmq";
import { after, before, describe, it } from "mocha";
import type { Stack } from "../tools/stack/stack.ts";
import { type CheckoutCopy, copyCheckout } from "./checkout-copy.ts";
import { newCustomer, type ShopClient, shopClient } from "./e2e/shop-client.ts";

describe("make new-service", function () {
  this.timeout(180_000);
  const started = performance.now();
  const times: string[] = [];
  let copy: CheckoutCopy;

  before(() => {
    copy = copyCheckout();
  });
  after(() => {
    copy.remove();
    console.log(`    ${times.join(", ")}; ${seconds(started)} in all`);
  });

  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      times.push(`${what} ${seconds(begin)}`);
    }
  };
  // Packages are linked, so make must not install any.
  const make = ["--silent", "--old-file=.build/installed", "--old-file=.build/generated"];
  const hashOf = () => {
    const hash = createHash("sha256");
    const paths = readdirSync(copy.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\/(node_modules|\.tools|\.build)(\/|$)/.test(entry.parentPath))
      .map((entry) => join(entry.parentPath, entry.name));
    for (const path of paths.sort()) hash.update(`${path}\0`).update(readFileSync(path));
    return hash.digest("hex");
  };

  it("makes a service, and one more whose name has two words", async () => {
    const printed = await timed("make", () => copy.run("make", [...make, "new-service", "NAME=review"]));
    assert.match(printed, /^review-svc is there, with gRPC on port 50055 and HTTP on 8085\./);
    await timed("make", () => copy.run("make", [...make, "new-service", "NAME=gift-card"]));
  });

  it("refuses what is there, what cannot be a name and no name, and changes nothing", async () => {
    const hash = hashOf();
    for (const [argument, code, sentence] of [
      ["NAME=review", 2, /^review-svc exists already\.$/m],
      ["NAME=Review", 2, /^NAME is a noun of up to 30 letters in lower case, .*"Review" is none\.$/m],
      ["NAME=", 2, /^usage: make new-service NAME=/m],
    ] as const) {
      const refusal = await copy.fails("make", [...make, "new-service", argument]);
      assert.equal(refusal.code, code, argument);
      assert.match(refusal.output, sentence);
    }
    assert.equal(hashOf(), hash);
  });

  it("leaves a tree that passes make check", async () => {
    await timed("check", () => copy.run("make", [...make, "check"]));
  });

  it("leaves a lockfile that npm ci takes, without a network", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quartet-lockfile-"));
    try {
      const manifests = readdirSync(copy.root).map((name) => `${name}/package.json`);
      for (const path of ["package.json", "package-lock.json", ".npmrc", ...manifests]) {
        if (existsSync(join(copy.root, path))) cpSync(join(copy.root, path), join(folder, path));
      }
      await timed("npm ci", () => copy.run("npm", ["ci", "--prefix", folder, "--dry-run", "--offline"]));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("leaves services that pass their own tests, and the tests of all services", async () => {
    const env = { AMQP_TEST_URL: await testRabbitMqUrl() };
    const own = ["review-svc/src/**/*.test.ts", "gift-card-svc/src/**/*.test.ts"];
    const shared = [
      "tests/services.test.ts",
      "tests/architecture.test.ts",
      "tests/access/access-matrix.test.ts",
      "tests/errors.test.ts",
      "tests/how-to.test.ts",
    ];
    const printed = await timed("tests", () => copy.run("npx", ["mocha", ...own, ...shared], env));
    assert.match(printed, /gift-card-svc with RabbitMQ\n/);
    assert.doesNotMatch(printed, /\d+ (failing|pending)/);
  });

  describe("the service behind the gateway", () => {
    let stack: Stack;
    let dataDir: string;
    let ada: ShopClient;
    let grpc: GrpcTransport;
    let service: DescService;

    before(async () => {
      dataDir = mkdtempSync(join(tmpdir(), "quartet-new-service-"));
      const source = (await import(join(copy.root, "tools", "stack", "stack.ts"))) as {
        startStack(options: { dataDir: string }): Promise<Stack>;
      };
      stack = await timed("stack", async () => {
        const running = await source.startStack({ dataDir });
        await running.ready();
        return running;
      });
      // A service is ready before the gateway has looked at it again.
      const reached = (path: string) => async () => (await ada.get(path)).status === 200;
      const signUp = () => newCustomer(stack.urls.gateway).catch(() => undefined);
      ada = (await eventually("user-svc is reached", signUp, boundMs)) ?? assert.fail();
      for (const path of ["/v1/reviews", "/v1/giftCards"]) {
        await eventually(`${path} is reached`, reached(path), boundMs);
      }
      const generated = join(copy.root, "proto", "gen", "shop", "gift_card", "v1", "gift_card_service_pb.ts");
      ({ GiftCardService: service } = (await import(generated)) as { GiftCardService: DescService });
      grpc = createGrpcTransport({ target: new URL(stack.urls.gateway).host, services: [service] });
    });
    after(async () => {
      grpc?.close();
      await timed("its end", async () => await stack?.down());
      rmSync(dataDir, { recursive: true, force: true });
    });

    it("creates, gets, lists, changes and deletes by REST", async () => {
      const created = await ada.call("POST", "/v1/reviews", { displayName: "Five stars" });
      assert.equal(created.status, 200, JSON.stringify(created.body));
      const { name, etag } = created.body;
      assert.match(name, /^reviews\/[0-9a-f-]{36}$/);
      assert.deepEqual((await ada.get(`/v1/${name}`)).body, created.body);
      assert.deepEqual((await ada.get("/v1/reviews?pageSize=1")).body, { reviews: [created.body], nextPageToken: "" });
      const changed = await ada.call("PATCH", `/v1/${name}`, { displayName: "Four stars", etag });
      assert.deepEqual([changed.status, changed.body.displayName, changed.body.etag], [200, "Four stars", '"2"']);
      const stale = await ada.call("DELETE", `/v1/${name}?etag=${encodeURIComponent(etag)}`);
      assert.deepEqual([stale.status, stale.body.details[0].reason], [409, "ETAG_MISMATCH"]);
      assert.equal((await ada.call("DELETE", `/v1/${name}`)).status, 200);
      const gone = await ada.get(`/v1/${name}`);
      assert.deepEqual([gone.status, gone.body.details[0].reason], [404, "REVIEW_NOT_FOUND"]);
    });

    it("creates, gets, lists and deletes by gRPC", async () => {
      const headers = { authorization: `Bearer ${ada.token}` };
      const created = await call(grpc, service, "createGiftCard", { displayName: "For Bob" }, headers);
      const { name } = created;
      assert.deepEqual(await call(grpc, service, "getGiftCard", { name }, headers), created);
      assert.deepEqual((await call(grpc, service, "listGiftCards", {}, headers)).giftCards, [created]);
      await call(grpc, service, "deleteGiftCard", { name }, headers);
      await assert.rejects(call(grpc, service, "getGiftCard", { name }, headers), isCode(Code.NotFound));
    });

    it("refuses who says no name, and hides what is another's", async () => {
      const { name } = (await ada.call("POST", "/v1/reviews", { displayName: "Mine" })).body;
      const nobody = shopClient(stack.urls.gateway);
      for (const [verb, path] of [
        ["POST", "/v1/reviews"],
        ["GET", "/v1/reviews"],
        ["GET", `/v1/${name}`],
        ["DELETE", `/v1/${name}`],
      ] as const) {
        const { status } = await nobody.call(verb, path, verb === "POST" ? { displayName: "Mine" } : undefined);
        assert.equal(status, 401, `${verb} ${path}`);
      }
      await assert.rejects(call(grpc, service, "listGiftCards", {}, {}), isCode(Code.Unauthenticated));
      const bob = await newCustomer(stack.urls.gateway);
      assert.equal((await bob.get(`/v1/${name}`)).status, 404);
      assert.equal((await bob.call("DELETE", `/v1/${name}`)).status, 404);
    });
  });
});

const boundMs = 30_000;

const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

const isCode = (code: Code) => (error: unknown) => error instanceof ConnectError && error.code === code;

/** Calls a method that no source here knows by name. */
async function call(
  transport: Transport,
  service: DescService,
  method: string,
  request: Record<string, unknown>,
  headers: Record<string, string>,
) {
  const description = service.method[method] as DescMethodUnary;
  const init = request as MessageInitShape<DescMethodUnary["input"]>;
  const { message } = await transport.unary(description, undefined, undefined, headers, init);
  return message as unknown as Record<string, unknown>;
}
