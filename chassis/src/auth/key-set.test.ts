import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { silentLogger } from "../log.ts";
import { type FixedClock, fixedClock } from "../testing/clock.ts";
import { createTestTokens } from "../testing/test-tokens.ts";
import { createLocalKeySet, createRemoteKeySet, type KeySet } from "./key-set.ts";

describe("remote key set", () => {
  const oldKey = createTestTokens({ kid: "old" }).publicKey;
  const newKey = createTestTokens({ kid: "new" }).publicKey;
  let clock: FixedClock;
  let folder: string;
  let issuer: KeyServer;
  let neighbour: KeyServer;
  let sets: KeySet[];

  const open = (url = issuer.url): KeySet => {
    const set = createRemoteKeySet({
      url,
      cacheFile: join(folder, "keys.json"),
      log: silentLogger(),
      now: clock.now,
    });
    sets.push(set);
    return set;
  };
  const refreshed = async (set: KeySet): Promise<(string | undefined)[]> => {
    clock.advance(10_000);
    await set.refresh();
    return kidsOf(set);
  };

  beforeEach(async () => {
    clock = fixedClock();
    folder = mkdtempSync(join(tmpdir(), "key-set-"));
    sets = [];
    [issuer, neighbour] = await Promise.all([startKeyServer(), startKeyServer()]);
  });

  afterEach(async () => {
    for (const set of sets) set.stop();
    await Promise.all([issuer.stop(), neighbour.stop()]);
    rmSync(folder, { recursive: true });
  });

  it("knows no key before one was fetched, and the issuer's keys afterwards", async () => {
    const set = open();
    assert.equal(set.current(), undefined);
    issuer.answer({ keys: [oldKey, newKey] });
    assert.deepEqual(await refreshed(set), ["old", "new"]);
  });

  it("fetches in the background once started", async () => {
    issuer.answer({ keys: [oldKey] });
    const set = open();
    set.start();
    await until(() => set.current() !== undefined);
    // Joins the fetch that is still writing its file.
    await set.refresh();
    assert.deepEqual(kidsOf(set), ["old"]);
  });

  it("keeps its keys through failed, malformed, oversized, redirected and empty answers", async () => {
    const set = open();
    issuer.answer({ keys: [oldKey] });
    assert.deepEqual(await refreshed(set), ["old"]);
    const before = set.current();
    const answers = [
      () => issuer.answer({ keys: [newKey] }, 503),
      () => issuer.answer("not json"),
      () => issuer.answer({ keys: [] }),
      () => issuer.answer({}),
      () => issuer.answer(null),
      () => issuer.answer({ keys: [newKey], more: "x".repeat(70_000) }),
      () => issuer.answer({ keys: [newKey] }, 302),
    ];
    for (const spoil of answers) {
      spoil();
      assert.deepEqual(await refreshed(set), ["old"]);
    }
    await issuer.stop();
    assert.deepEqual(await refreshed(set), ["old"]);
    assert.equal(set.current(), before);
  });

  it("follows the issuer when it adds and withdraws keys", async () => {
    const set = open();
    issuer.answer({ keys: [oldKey] });
    await refreshed(set);
    issuer.answer({ keys: [newKey, oldKey] });
    assert.deepEqual(await refreshed(set), ["new", "old"]);
    issuer.answer({ keys: [newKey] });
    assert.deepEqual(await refreshed(set), ["new"]);
  });

  it("starts with the keys on disk when nobody answers", async () => {
    issuer.answer({ keys: [oldKey] });
    await refreshed(open());
    await issuer.stop();
    const restarted = open();
    restarted.start();
    assert.deepEqual(kidsOf(restarted), ["old"]);
  });

  it("leaves only whole files of public keys behind", async () => {
    issuer.answer({ keys: [{ ...oldKey, d: "secret" }] });
    await refreshed(open());
    assert.deepEqual(readdirSync(folder), ["keys.json"]);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, "keys.json"), "utf8")), { keys: [oldKey] });
  });

  it("ignores a damaged file", () => {
    for (const content of ["{", "[]", JSON.stringify({ keys: [{ ...oldKey, x: "AAAA" }] })]) {
      writeFileSync(join(folder, "keys.json"), content);
      const set = open();
      set.start();
      assert.equal(set.current(), undefined);
    }
  });

  it("asks the next address when one does not answer, and keeps the keys which that one does not know yet", async () => {
    const set = open(`${issuer.url}, ${neighbour.url}`);
    neighbour.answer({ keys: [oldKey] });
    assert.deepEqual(await refreshed(set), ["old"]);
    issuer.answer({ keys: [newKey] });
    assert.deepEqual(await refreshed(set), ["new"]);
    await issuer.stop();
    assert.deepEqual(await refreshed(set), ["new", "old"]);
  });

  it("does not ask more often than every two seconds, however often it is told to", async () => {
    const set = open();
    issuer.answer({ keys: [oldKey] });
    clock.advance(10_000);
    await Promise.all([set.refresh(), set.refresh()]);
    clock.advance(1_999);
    await set.refresh();
    assert.equal(issuer.requests(), 1);
    clock.advance(1);
    await set.refresh();
    assert.equal(issuer.requests(), 2);
    // The clock was set back.
    clock.advance(-3_600_000);
    await set.refresh();
    assert.equal(issuer.requests(), 3);
  });
});

describe("local key set", () => {
  const good = createTestTokens({ kid: "good" }).publicKey;

  it("accepts EC P-256 signature keys with an id only", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });
    const others = [
      { ...rsa, kid: "rsa" },
      { ...p384, kid: "p384" },
      { kty: "oct", k: "c2VjcmV0", kid: "oct" },
      { ...good, kid: undefined },
      { ...good, kid: "wrong-use", use: "enc" },
      { ...good, kid: "wrong-alg", alg: "ES384" },
      { ...good, kid: "off-curve", x: good.y },
    ];
    assert.deepEqual(kidsOf(createLocalKeySet({ keys: [...others, good] as never })), ["good"]);
  });

  it("keeps the same object until its source returns another", () => {
    let document = { keys: [good] };
    const set = createLocalKeySet(() => document);
    const first = set.current();
    assert.equal(set.current(), first);
    document = { keys: [good] };
    assert.notEqual(set.current(), first);
  });
});

interface KeyServer {
  readonly url: string;
  answer(body: unknown, status?: number): void;
  requests(): number;
  stop(): Promise<void>;
}

async function startKeyServer(): Promise<KeyServer> {
  let body = "";
  let status = 404;
  let requests = 0;
  const server: Server = createServer((_request, response) => {
    requests += 1;
    response.writeHead(status, { location: "/elsewhere", connection: "close" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/keys`,
    answer: (next, nextStatus = 200) => {
      body = typeof next === "string" ? next : JSON.stringify(next);
      status = nextStatus;
    },
    requests: () => requests,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function kidsOf(set: KeySet): (string | undefined)[] {
  return set.current()?.keys.map((key) => key.kid) ?? [];
}

async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail("the condition did not come true");
}
