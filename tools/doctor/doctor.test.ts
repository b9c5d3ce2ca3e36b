import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { findOnPath } from "../stack/commands.ts";
import { freePorts } from "../stack/ports.ts";
import { startTicksOf, writeRunState } from "../stack/run-state.ts";
import { namedPorts, readStackConfig } from "../stack/stack-config.ts";

const rootDir = join(import.meta.dirname, "..", "..");
const script = join(import.meta.dirname, "doctor.sh");
/** What a bare system has. */
const bareTools =
  "sh sed awk grep ls cat df find date id mktemp rm dirname cut head tr wc touch uname stat sleep printf readlink".split(
    " ",
  );

describe("make doctor", function () {
  this.timeout(60_000);
  let folder: string;
  let ports: Record<string, string>;
  let server: Server | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "quartet-doctor-"));
    mkdirSync(join(folder, "bin"));
    for (const name of bareTools) {
      const file = findOnPath(name, process.env);
      if (file !== undefined) symlinkSync(file, join(folder, "bin", name));
    }
    const variables = namedPorts(readStackConfig({}, rootDir)).map(({ variable }) => variable);
    const free = await freePorts(variables.length);
    ports = Object.fromEntries(variables.map((variable, index) => [variable, String(free[index])]));
  });
  afterEach(async () => {
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    server = undefined;
    rmSync(folder, { recursive: true });
  });

  /** Runs it with these settings and nothing else. */
  function doctor(env: Record<string, string | undefined> = {}, before = "") {
    const clean = { HOME: folder, PATH: process.env.PATH, QUARTET_DATA_DIR: join(folder, "data"), ...ports, ...env };
    const result = spawnSync("/bin/sh", ["-c", `${before} exec /bin/sh "$0"`, script], {
      encoding: "utf8",
      env: clean,
    });
    assert.equal(result.stderr, "");
    return { code: result.status, said: result.stdout };
  }
  const bare = () => ({ PATH: join(folder, "bin") });

  it("finds nothing bad where make up works", () => {
    const { said, code } = doctor({ MODE: "native", AMQP_URL: "amqp://127.0.0.1" });
    assert.doesNotMatch(said, /^bad/m);
    assert.match(said, /^make up would work here \(MODE=native; \d+ to look at\)\.$/m);
    assert.equal(code, 0);
  });

  it("says in one sentence each what to install, with neither Node nor Docker nor make", () => {
    const { said, code } = doctor({ ...bare(), MODE: "docker" });
    assert.match(said, /^bad {3}Docker {15}it is not installed: install Docker, or use MODE=native on Linux\.$/m);
    assert.match(said, /^bad {3}make {17}GNU make is not on PATH: install the package make\.$/m);
    assert.match(said, /^warn {2}git /m);
    assert.match(said, /^make up would fail here \(MODE=docker\)/m);
    assert.equal(code, 1);
    const native = doctor({ ...bare(), MODE: "native", ENVOY_BIN: "/nowhere/envoy" }).said;
    assert.match(native, /^bad {3}Envoy {16}ENVOY_BIN=\/nowhere\/envoy is no Envoy of version 1\.39 or later: .*\.$/m);
    assert.doesNotMatch(native, /^bad {3}Docker/m);
  });

  it("names the program that holds a port and the setting that moves ours, what is no port, and one port for two", async () => {
    server = createServer();
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const wrong = { GATEWAY_PORT: "80a", USER_RPC_PORT: "31999", USER_HTTP_PORT: "31999" };
    const { said, code } = doctor({ MODE: "native", ORDER_RPC_PORT: String(port), ...wrong });
    const holder = `is held by \\S+ \\(process ${process.pid}\\): end that program, or choose another port with ORDER_RPC_PORT=\\.`;
    assert.match(said, new RegExp(`^bad {3}port ${port} +${holder}$`, "m"));
    assert.match(said, /^bad {3}GATEWAY_PORT +"80a" is no port/m);
    assert.match(said, /^bad {3}USER_HTTP_PORT +31999 is used for something else of ours too/m);
    assert.equal(code, 1);
  });

  it("looks at every port that the stack uses, and knows its default", () => {
    const { AMQP_URL: _, ...none } = Object.fromEntries(Object.keys(ports).map((name) => [name, undefined]));
    const table = spawnSync(
      "/bin/sh",
      ["-c", '. "$0"; mode=native; port_settings', join(import.meta.dirname, "ports.sh")],
      {
        encoding: "utf8",
        cwd: rootDir,
        env: { PATH: process.env.PATH, ...none },
      },
    ).stdout;
    const wanted = namedPorts(readStackConfig({}, rootDir)).map(({ variable, port }) => `${variable} ${port}`);
    assert.deepEqual(table.trim().split("\n").sort(), wanted.sort());
  });

  it("says when too few files may be open, or new files would not be one's own", () => {
    const { said, code } = doctor({ MODE: "native" }, "ulimit -n 300; umask 277;");
    assert.match(said, /^bad {3}open files {11}limited to 300, .*: run `ulimit -n 4096` first\.$/m);
    assert.match(said, /^bad {3}umask +0277 takes your own rights/m);
    assert.equal(code, 1);
  });

  it("says what a dead supervisor left, and what runs older code", () => {
    const orphan = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    try {
      const config = readStackConfig({ ...ports, QUARTET_DATA_DIR: join(folder, "data") }, rootDir);
      const startTicks = startTicksOf(orphan.pid as number);
      const status = {
        name: "order-svc",
        state: "running",
        pid: orphan.pid,
        startTicks,
        restarts: 0,
        startTime: 1,
      } as const;
      const dead = { name: "supervisor", pid: 2 ** 22 + 1, startTicks: "1" };
      writeRunState(config.dataDir, { supervisor: dead, config, processes: [status] });
      const left = new RegExp(
        `^warn {2}earlier run +its supervisor is dead and order-svc \\(${orphan.pid}\\) still run`,
        "m",
      );
      assert.match(doctor({ MODE: "native" }).said, left);

      const alive = { name: "supervisor", pid: process.pid, startTicks: startTicksOf(process.pid) };
      writeRunState(config.dataDir, { supervisor: alive, config, processes: [status] });
      assert.match(
        doctor({ MODE: "native" }).said,
        /^warn {2}what runs +is older than the checkout: order-svc \(\d+ files\)/m,
      );
    } finally {
      orphan.kill("SIGKILL");
    }
  });

  it("calls a file system unsafe where the write-ahead log is, and no other", () => {
    const unsafe = (kind: string) =>
      spawnSync("/bin/sh", ["-c", '. "$0"; is_unsafe_file_system "$1"', join(import.meta.dirname, "checkout.sh"), kind])
        .status === 0;
    for (const kind of ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "vboxsf"]) assert.ok(unsafe(kind), kind);
    for (const kind of ["ext4", "xfs", "btrfs", "overlay", "apfs", "zfs", "tmpfs"]) assert.ok(!unsafe(kind), kind);
  });
});
