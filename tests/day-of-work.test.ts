import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { freePorts } from "../tools/stack/ports.ts";
import { answersOk, waitUntil } from "../tools/stack/ready.ts";
import { isAlive, readRunState } from "../tools/stack/run-state.ts";
import { namedPorts, readStackConfig, serviceNames } from "../tools/stack/stack-config.ts";
import { findStrays } from "../tools/stack/strays.ts";
import { copyCheckout } from "./checkout-copy.ts";
import { examplesIn, normalized, openShell, runExample } from "./console-examples.ts";

const rootDir = join(import.meta.dirname, "..");
const boundMs = 120_000;
const json = { "content-type": "application/json" };

const contributing = readFileSync(join(rootDir, "CONTRIBUTING.md"), "utf8");

describe("a day of work", function () {
  // One real stack for all: each test goes on where the one before ended.
  this.timeout(300_000);
  let checkout: string;
  let dataDir: string;
  let env: NodeJS.ProcessEnv;
  let gateway: string;
  let dev: ChildProcess;
  let said = "";

  /** Waits for a line in what dev prints after `from`; returns all of that. */
  const says = async (pattern: RegExp, from: number): Promise<string> => {
    const found = await waitUntil(() => pattern.test(said.slice(from)), boundMs, 50);
    assert.ok(found, `dev did not say ${pattern}:\n${said.slice(from)}`);
    return said.slice(from);
  };
  const make = (...args: string[]) => spawnSync("make", args, { cwd: checkout, env, encoding: "utf8" });
  const pids = () => new Map(readRunState(dataDir)?.processes.map(({ name, pid }) => [name, pid]));
  const changedSince = (old: ReturnType<typeof pids>) =>
    [...pids()].filter(([name, pid]) => pid !== old.get(name)).map(([name]) => name);
  const path = (file: string) => join(checkout, file);

  before(async () => {
    checkout = copyCheckout().root;
    dataDir = join(checkout, ".data");
    const variables = namedPorts(readStackConfig({}, checkout)).map(({ variable }) => variable);
    const free = await freePorts(variables.length);
    const ports = Object.fromEntries(variables.map((variable, index) => [variable, String(free[index])]));
    const {
      MAKEFLAGS: _,
      MAKELEVEL: __,
      NODE_OPTIONS: ___,
      QUARTET_DATA_DIR: ____,
      AMQP_URL: _____,
      ...outside
    } = process.env;
    env = { ...outside, ...ports, MODE: "native" };
    gateway = `http://127.0.0.1:${ports.GATEWAY_PORT}`;
    dev = spawn("make", ["dev"], { cwd: checkout, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const output of [dev.stdout, dev.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    }
  });
  after(() => {
    if (dev.exitCode === null && dev.signalCode === null) process.kill(-(dev.pid as number), "SIGINT");
    spawnSync("make", ["reset"], { cwd: checkout, env });
    rmSync(checkout, { recursive: true, force: true });
  });

  it("brings the stack up and shows every part in one stream, readable and without colours in a pipe", async () => {
    const text = await says(/dev +INFO +Watching the sources/, 0);
    const traceId = "4f2a91bc0da8c6fb233937897e19413e";
    const from = said.length;
    const answer = await fetch(`${gateway}/v1/products?pageSize=1`, {
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    });
    assert.equal(answer.status, 200);
    await says(/^\d\d:\d\d:\d\d\.\d{3} envoy {7}INFO {2}4f2a91bc GET \/v1\/products 200 \d+ ms/m, from);
    await says(/^\d\d:\d\d:\d\d\.\d{3} product-svc INFO {2}4f2a91bc call ProductService\/ListProducts ok/m, from);
    assert.match(text + said, /^\d\d:\d\d:\d\d\.\d{3} user-svc {4}INFO {11}serving/m);
    assert.ok(!said.includes("\u001b["));
  });

  it("says what is wrong in an edit once, goes on with the code from before, and takes in the next save", async () => {
    const file = path("order-svc/src/domain/order.ts");
    copyFileSync(file, `${file}.kept`);
    const old = pids();
    const from = said.length;
    appendFileSync(file, "export const broken: = 1;\n");
    const text = await says(/The next change tries again/, from);
    assert.match(text, /dev +ERROR +order-svc still runs as it was, because its new code cannot be loaded:\n/);
    assert.match(text, /order-svc\/src\/domain\/order\.ts:\d+\n/);
    assert.match(text, /SyntaxError/);
    assert.doesNotMatch(text, /node:internal/);
    assert.deepEqual(changedSince(old), []);

    const next = said.length;
    copyFileSync(`${file}.kept`, file);
    appendFileSync(file, "// Another comment.\n");
    await says(/dev +INFO +order-svc is ready after/, next);
    assert.deepEqual(changedSince(old), ["order-svc"]);
    assert.equal(said.slice(from).match(/SyntaxError/g)?.length, 1);
  });

  it("takes a changed contract in: generates, fills in the gateway and reloads all that know it", async () => {
    const old = pids();
    const from = said.length;
    const proto = path("proto/shop/product/v1/product_service.proto");
    const before = readFileSync(proto, "utf8");
    writeFileSync(proto, before.replace("string", "strin"));
    assert.match(await says(/The contract cannot be used/, from), /product_service\.proto/);
    const unknown = said.length;
    await says(/product_service\.proto:\d+:\d+:/, from);
    assert.deepEqual(changedSince(old), []);

    assert.match(before, /deadline_ms: 5000/);
    writeFileSync(proto, before.replace("deadline_ms: 5000", "deadline_ms: 5432"));
    const text = await says(/dev +INFO +envoy is ready after/, unknown);
    assert.deepEqual(changedSince(old), [...serviceNames, "envoy"]);
    for (const part of [...serviceNames, "envoy"]) {
      assert.equal(text.match(new RegExp(`${part} is reloaded`, "g"))?.length, 1, `${part} is reloaded once`);
    }
    assert.match(readFileSync(path("envoy/envoy.yaml"), "utf8"), /5432 ms/);
    assert.match(readFileSync(join(dataDir, "envoy", "envoy.yaml"), "utf8"), /5432 ms/);
    assert.equal((await fetch(`${gateway}/v1/products?pageSize=1`)).status, 200);
  });

  it("make redeploy: calls that only read are answered all the time, with a delay at most", async () => {
    const old = pids();
    const from = said.length;
    const statuses: number[] = [];
    let isOver = false;
    const calls = (async () => {
      while (!isOver) {
        const answer = await fetch(`${gateway}/v1/products?pageSize=1`);
        await answer.arrayBuffer();
        statuses.push(answer.status);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    const redeploy = spawn("make", ["redeploy", "SVC=product-svc"], { cwd: checkout, env, stdio: "ignore" });
    const code = await new Promise((resolve) => redeploy.once("close", resolve));
    isOver = true;
    await calls;
    assert.equal(code, 0);
    assert.deepEqual(changedSince(old), ["product-svc"]);
    // It has connected to the broker, which says so.
    await says(/^\d\d:\d\d:\d\d\.\d{3} rabbitmq {4}INFO .*product-svc/m, from);
    assert.ok(statuses.length > 20);
    const refused = said
      .slice(from)
      .split("\n")
      .filter((line) => / envoy +ERROR /.test(line));
    assert.ok(
      statuses.every((status) => status === 200),
      `${new Set(statuses)}\n${refused.join("\n")}`,
    );
  });

  it("make redeploy: says which parts there are, and why a part does not start, which goes on as it was", async () => {
    for (const [args, said] of [
      [["redeploy"], /^Say which part with SVC=: .*order-svc.*envoy/m],
      [["redeploy", "SVC=parcel-svc"], /^There is no part "parcel-svc": SVC= takes one of .*order-svc/m],
      [["logs", "SVC=parcel-svc"], /^There is no part "parcel-svc": SVC= takes one of .*order-svc/m],
      [["debug", "SVC=envoy"], /^Say which service with SVC=: user-svc/m],
    ] as const) {
      const result = make(...args);
      assert.match(result.stderr, said);
      assert.notEqual(result.status, 0);
    }
    const old = pids();
    const from = said.length;
    const main = path("payment-svc/src/main.ts");
    writeFileSync(main, `throw new Error("cannot begin");\n${readFileSync(main, "utf8")}`);
    await says(/dev +ERROR +payment-svc still runs as it was, because its new code does not start/, from);
    const result = make("redeploy", "SVC=payment-svc");
    assert.match(result.stderr, /payment-svc still runs as it was.*Its last lines:\n[\s\S]*cannot begin/);
    assert.notEqual(result.status, 0);
    assert.deepEqual(changedSince(old), []);
  });

  it("make debug: a service runs under the inspector in its place, which it gives back", async () => {
    const [port] = await freePorts(1);
    const from = said.length;
    const debug = spawn("make", ["debug", "SVC=user-svc"], {
      cwd: checkout,
      env: { ...env, DEBUG_PORT: String(port) },
      stdio: "ignore",
      detached: true,
    });
    const ended = new Promise((resolve) => debug.once("close", resolve));
    try {
      assert.ok(
        await waitUntil(() => answersOk(`http://127.0.0.1:${port}/json`), boundMs),
        "the inspector does not answer",
      );
      assert.equal(readRunState(dataDir)?.processes.find(({ name }) => name === "user-svc")?.state, "stopped");
      appendFileSync(path("user-svc/src/main.ts"), "// Debugged.\n");
      await says(/user-svc is not reloaded, because somebody has stopped it/, from);
    } finally {
      process.kill(-(debug.pid as number), "SIGINT");
      await ended;
    }
    // The gateway has noticed that nobody was there, and notices within a second that somebody is again.
    const body = JSON.stringify({ email: "nobody@example.org", password: "correct horse battery staple" });
    const isBack = async () =>
      (await fetch(`${gateway}/v1/sessions`, { method: "POST", headers: json, body })).status === 401;
    assert.ok(await waitUntil(isBack, boundMs), "user-svc is not back in its place");
  });

  it("does as CONTRIBUTING.md says, and shows an order on its way through all services by one grep", async () => {
    const examples = examplesIn(contributing);
    assert.ok(examples.length > 5);
    const shell = openShell(checkout, env, String(env.GATEWAY_PORT));
    try {
      for (const { command, output } of examples) {
        const result = await runExample(shell, { command, output });
        assert.equal(result.code, 0, `${command}\n${result.output}`);
        if (output !== "") assert.equal(normalized(result.output), normalized(output), command);
      }
    } finally {
      shell.close();
    }
    const makefile = readFileSync(path("Makefile"), "utf8");
    const targets = [...contributing.matchAll(/make ([a-z][a-z-]+)/g)].map(([, target]) => target);
    assert.ok(targets.length > 10);
    for (const target of targets) assert.match(makefile, new RegExp(`^${target}:`, "m"));
  });

  it("make logs: the same lines, of one part, to read or as JSON", () => {
    const text = make("logs", "SVC=product-svc", "FOLLOW=0").stdout;
    assert.match(text, /^\d\d:\d\d:\d\d\.\d{3} product-svc INFO {2}4f2a91bc call ProductService\/ListProducts ok/m);
    assert.deepEqual(
      text
        .trimEnd()
        .split("\n")
        .filter((line) => !/^(\S{12}| {12}) product-svc /.test(line)),
      [],
    );
    const printed = make("logs", "FOLLOW=0", "LINES=5", "LOG=json").stdout.trimEnd().split("\n");
    const services = new Set(printed.map((line) => (JSON.parse(line) as { service: string }).service));
    for (const name of ["gateway", "order-svc", "rabbitmq"]) assert.ok(services.has(name), name);
  });

  it("ends with Ctrl-C, with all that it started, and leaves the data to make reset", async () => {
    const from = said.length;
    const state = readRunState(dataDir);
    process.kill(-(dev.pid as number), "SIGINT");
    await says(/Stopped; data stays\./, from);
    assert.equal(state?.processes.some(isAlive), false);
    assert.deepEqual(findStrays(dataDir), []);
    assert.ok(existsSync(join(dataDir, "order-svc", "order-svc.sqlite")));
    assert.equal(make("reset").status, 0);
    assert.equal(existsSync(dataDir), false);
  });
});
