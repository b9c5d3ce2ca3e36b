import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { down } from "./down.ts";
import { freeStackPorts } from "./ports.ts";
import { waitUntil } from "./ready.ts";
import { isAlive, readRunState, startTicksOf, writeRunState } from "./run-state.ts";
import { type Stack, startStack } from "./stack.ts";
import { readStackConfig, serviceNames } from "./stack-config.ts";

/** Stands in for a service: ready at once, ends cleanly on SIGTERM, prints what it was given. */
const standIn = `
import { createServer } from "node:http";
console.log("data in", process.env.DATA_DIR, "broker", process.env.AMQP_URL, "flag", process.env.FLAG);
const server = createServer((request, response) => response.writeHead(request.url === "/readyz" ? 200 : 404).end());
server.listen(Number(process.env.HTTP_PORT), process.env.BIND_ADDRESS);
createServer().listen({ port: Number(process.env.RPC_PORT), host: process.env.BIND_ADDRESS });
process.on("SIGTERM", () => { console.log("ending"); process.exit(0); });
`;
const boundMs = 8_000;

describe("stack", function () {
  this.timeout(30_000);
  let folder: string;
  let rootDir: string;
  let dataDir: string;
  let stack: Stack | undefined;
  let broker: Server;
  let amqpUrl: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "quartet-stack-"));
    rootDir = join(folder, "root");
    dataDir = join(folder, "data");
    for (const name of serviceNames) {
      mkdirSync(join(rootDir, name, "src"), { recursive: true });
      writeFileSync(join(rootDir, name, "package.json"), '{ "type": "module" }');
      writeFileSync(join(rootDir, name, "src", "main.ts"), standIn);
    }
    broker = createServer();
    await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve));
    amqpUrl = `amqp://127.0.0.1:${(broker.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    await stack?.down();
    stack = undefined;
    await new Promise((resolve) => broker.close(resolve));
    rmSync(folder, { recursive: true });
  });

  const start = async () => {
    const serviceEnv = { "order-svc": { FLAG: "up" } };
    stack = await startStack({ rootDir, dataDir, amqpUrl, serviceEnv, withoutGateway: true });
    await stack.ready();
    return stack;
  };
  const pidOf = (running: Stack, name: string) => running.status().find((one) => one.name === name)?.pid;

  it("starts every service with its own data directory, the broker's address and its own settings", async () => {
    const running = await start();
    assert.match(running.logs("order-svc"), new RegExp(`data in ${dataDir}/order-svc broker ${amqpUrl} flag up`));
    assert.match(running.logs("user-svc"), /flag undefined/);
  });

  it("adds to the environment of single starts, one after the other", async () => {
    const running = await start();
    await running.stop("order-svc");
    running.start("order-svc", { FLAG: "first" }, { FLAG: "second" });
    for (const restarts of [1, 2]) {
      await running.ready();
      running.kill("order-svc", "SIGKILL");
      const count = () => running.status().find(({ name }) => name === "order-svc")?.restarts;
      assert.ok(await waitUntil(() => count() === restarts, boundMs, 20));
    }
    await running.ready();
    const flags = [...running.logs("order-svc").matchAll(/flag (\w+)/g)].map(([, flag]) => flag);
    assert.deepEqual(flags, ["up", "first", "second", "up"]);
  });

  it("starts a killed service again and leaves the others alone", async () => {
    const running = await start();
    const killed = pidOf(running, "order-svc");
    const untouched = pidOf(running, "product-svc");
    running.kill("order-svc", "SIGKILL");
    assert.ok(await waitUntil(() => ![undefined, killed].includes(pidOf(running, "order-svc")), boundMs, 20));
    await running.ready();
    const { restarts, lastExit } = running.status().find(({ name }) => name === "order-svc") ?? {};
    assert.deepEqual([restarts, lastExit], [1, "SIGKILL"]);
    assert.equal(pidOf(running, "product-svc"), untouched);
  });

  it("keeps a stopped service down until it is started", async () => {
    const running = await start();
    await running.stop("payment-svc");
    assert.match(running.logs("payment-svc"), /ending/);
    assert.equal(running.status().find(({ name }) => name === "payment-svc")?.lastExit, 0);
    assert.equal(await running.isReady("payment-svc"), false);
    running.start("payment-svc");
    await running.ready();
  });

  it("starts a second process of a service on the same data directory and other ports", async () => {
    const running = await start();
    const twin = await running.startTwin("order-svc");
    await running.ready({ names: [twin.name] });
    assert.notEqual(twin.http, running.urls.http["order-svc"]);
    assert.match(running.logs(twin.name), new RegExp(`data in ${dataDir}/order-svc `));
  });

  it("puts a new process in the place of the old one, which has answered until then", async () => {
    const running = await start();
    const before = pidOf(running, "order-svc");
    const untouched = pidOf(running, "user-svc");
    let refused = 0;
    let isOver = false;
    const calls = (async () => {
      while (!isOver) {
        if (!(await connects(running.ports.services["order-svc"].http))) refused += 1;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    writeFileSync(join(rootDir, "order-svc", "src", "main.ts"), standIn.replace("data in", "new data in"));
    await running.replace("order-svc");
    await running.ready();
    isOver = true;
    await calls;
    const { pid, restarts } = running.status().find(({ name }) => name === "order-svc") ?? {};
    assert.notEqual(pid, before);
    assert.equal(restarts, 0);
    assert.equal(pidOf(running, "user-svc"), untouched);
    assert.match(
      running.logs("order-svc"),
      /new data in[\s\S]*ending\n$/,
      "the new one is there before the old one ends",
    );
    assert.equal(refused, 0, "a connection was refused");
  });

  it("goes on with the process that runs when the new one does not get as far as to listen", async () => {
    const running = await start();
    const before = pidOf(running, "order-svc");
    writeFileSync(join(rootDir, "order-svc", "src", "main.ts"), 'throw new Error("cannot begin");');
    await running.replace("order-svc");
    const { pid, refused } = running.status().find(({ name }) => name === "order-svc") ?? {};
    assert.equal(pid, before);
    assert.equal(refused?.how, 1);
    assert.equal(await running.isReady("order-svc"), true);
  });

  it("leaves no process behind when it goes down", async () => {
    const running = await start();
    const before = running.status();
    assert.ok(before.every(isAlive));
    await running.down();
    assert.ok(!before.some(isAlive));
    assert.throws(() => running.kill("nobody"), /There is no part "nobody"/);
  });

  it("says which part is not ready", async () => {
    writeFileSync(join(rootDir, "user-svc", "src", "main.ts"), "process.exit(1);");
    stack = await startStack({ rootDir, dataDir, amqpUrl, withoutGateway: true });
    await assert.rejects(stack.ready({ timeoutMs: 1_500 }), /Not ready after 1.5 s: .*user-svc/);
  });

  it("ends what a killed supervisor has left, and nothing whose number was taken by another program", async () => {
    const orphan = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    try {
      const recorded = { state: "running", restarts: 0, startTime: 0 } as const;
      writeRunState(dataDir, {
        supervisor: { name: "supervisor", pid: 2 ** 22 + 1, startTicks: "1" },
        config: { ...readStackConfig({}, rootDir), ports: await freeStackPorts() },
        processes: [
          { ...recorded, name: "order-svc", pid: orphan.pid, startTicks: startTicksOf(orphan.pid as number) },
          { ...recorded, name: "user-svc", pid: stranger.pid, startTicks: "1" },
        ],
      });
      assert.equal(await down(dataDir, () => {}), true);
      assert.equal(startTicksOf(orphan.pid as number), undefined);
      assert.notEqual(startTicksOf(stranger.pid as number), undefined);
      assert.equal(readRunState(dataDir), undefined);
    } finally {
      orphan.kill("SIGKILL");
      stranger.kill("SIGKILL");
    }
  });

  it("ends what runs although its record is lost, and nothing that only reads the data", async () => {
    mkdirSync(join(dataDir, "logs"), { recursive: true });
    writeFileSync(join(dataDir, "logs", "order-svc.log"), "");
    const env = {
      ...process.env,
      DATA_DIR: join(dataDir, "order-svc"),
      RPC_PORT: "0",
      HTTP_PORT: "0",
      BIND_ADDRESS: "127.0.0.1",
    };
    const stray = spawn(process.execPath, ["src/main.ts"], { cwd: join(rootDir, "order-svc"), env, stdio: "ignore" });
    const reader = spawn("tail", ["-f", join(dataDir, "logs", "order-svc.log")], { stdio: "ignore" });
    const other = spawn(process.execPath, ["src/main.ts"], {
      cwd: join(rootDir, "order-svc"),
      env: { ...env, DATA_DIR: join(`${dataDir}-2`, "order-svc") },
      stdio: "ignore",
    });
    try {
      const said: string[] = [];
      assert.equal(await down(dataDir, (line) => said.push(line)), true);
      assert.deepEqual(said, [`Stopping order-svc (process ${stray.pid}), left over by an earlier run`]);
      assert.equal(startTicksOf(stray.pid as number), undefined);
      for (const { pid } of [reader, other]) assert.notEqual(startTicksOf(pid as number), undefined);
    } finally {
      for (const child of [stray, reader, other]) child.kill("SIGKILL");
    }
  });
});

/** Whether somebody listens on this port. */
async function connects(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const answer = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.destroy();
  return answer;
}
