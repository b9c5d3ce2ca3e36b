import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "@quartet/chassis/testing/eventually";
import { it } from "mocha";
import { answersOk, waitUntil } from "../../tools/stack/ready.ts";
import { describeCheckout } from "./checkout-suite.ts";
import { forgetInDocker, poisonInDocker } from "./compose-poison.ts";
import { startComposeSystem } from "./compose-system.ts";
import { protocolCases } from "./protocol-suite.ts";
import { type Answer, logIn, newProduct } from "./shop-client.ts";
import { whyNoCompose } from "./why-no-compose.ts";

/** For how long at least the gateway tries again to reach a service that was there a moment ago. */
const patienceMs = 1_500;

const rootDir = join(import.meta.dirname, "..", "..");
const parkTimeMaxMs = 30_000;
const logCharsShown = 4_000;
const reason = whyNoCompose();
if (reason === undefined) {
  describeCheckout("docker compose", startComposeSystem, (shop) => {
    protocolCases(shop);

    const make = (...args: string[]) =>
      spawnSync("make", args, { cwd: rootDir, env: shop().system.env, encoding: "utf8" });
    const audit = () => make("audit");
    it("passes make audit, which has looked at everything", () => {
      const { status, stdout } = audit();
      assert.match(stdout, /Everything adds up\.\n$/);
      assert.equal(status, 0);
    });
    it("audits what a service has kept that does not run", async () => {
      await shop().system.stop("product-svc");
      const { status, stdout } = audit();
      await shop().system.start("product-svc");
      assert.match(stdout, /pieces: [\s\S]*Everything adds up\.\n$/);
      assert.equal(status, 0);
    });
    it("fails make audit when a file is damaged, whose service cannot even start", async () => {
      const { system } = shop();
      await system.stop("user-svc");
      const inFolder = (script: string) => {
        const args = ["compose", "run", "--rm", "-T", "--no-deps", "user-svc", "sh", "-c", `cd /data && ${script}`];
        const { status, stderr } = spawnSync("docker", args, { cwd: rootDir, env: system.env, encoding: "utf8" });
        assert.equal(status, 0, stderr);
      };
      inFolder(
        "cp user-svc.sqlite kept && rm -f user-svc.sqlite-wal user-svc.sqlite-shm && printf damaged >user-svc.sqlite",
      );
      const { status, stdout } = audit();
      inFolder("mv kept user-svc.sqlite");
      await system.start("user-svc");
      assert.match(stdout, /I9: every file is whole\n {4}user-svc: user-svc: file is not a database\n/);
      assert.notEqual(status, 0);
    });
    it("restores by make what make backup has kept, and publishes it again by make replay", async () => {
      const { ada, cup, system } = shop();
      const folder = mkdtempSync(join(tmpdir(), "quartet-compose-"));
      try {
        const kept = await ada.order([{ product: cup, quantity: 1 }]);
        await ada.settles(kept);
        const backup = make("backup", `TO=${folder}/kept`);
        assert.match(backup.stderr, /Backed up 5 files of .* checked\./);
        const since = await newProduct(await logIn(system.gateway, system.admin));
        const restore = () => make("restore", `FROM=${folder}/kept`);
        const refuses = /Quartet is running, or has .* stop everything first, with `make down`/;
        assert.match(restore().stderr, refuses);
        await promisify(execFile)("docker", ["compose", "stop"], { cwd: rootDir, env: system.env });
        const besideStopped = restore();
        assert.notEqual(besideStopped.status, 0);
        assert.match(besideStopped.stderr, refuses);
        assert.equal(make("down").status, 0);
        const restored = restore();
        assert.match(restored.stderr, /Everything is as it was at/);
        assert.equal(restored.status, 0, restored.stderr);
        await system.ready();
        assert.equal((await ada.settles(kept)).state, "STATE_CONFIRMED");
        assert.equal((await ada.get(`/v1/${since}`)).status, 404);
        assert.match(make("replay").stderr, /No event has to be published again\./);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it("makes a restart a delay, for whoever reads and for whoever orders", async () => {
      const { ada, system } = shop();
      // However long it takes, there is enough, and the other tests keep theirs.
      const product = await newProduct(await logIn(system.gateway, system.admin), { initialQuantity: 10_000 });
      await ada.order([{ product, quantity: 1 }]);
      const calls: Promise<{ beginTime: number; endTime: number; answer: Answer }>[] = [];
      const begin = (call: Promise<Answer>) => {
        const beginTime = performance.now();
        calls.push(call.then((answer) => ({ beginTime, endTime: performance.now(), answer })));
      };
      const timer = setInterval(() => {
        begin(ada.get("/v1/orders?pageSize=1"));
        const order = { lines: [{ product, quantity: 1 }], paymentToken: "tok_visa" };
        begin(ada.call("POST", "/v1/orders", order, { "idempotency-key": randomUUID() }));
      }, 100);
      let servingTime = Number.NaN;
      try {
        await promisify(execFile)("docker", ["compose", "restart", "order-svc"], {
          cwd: rootDir,
          env: shop().system.env,
        });
        const page = `http://127.0.0.1:${system.env.ORDER_HTTP_PORT}/readyz`;
        const isBack = await waitUntil(() => answersOk(page), 60_000, 20);
        if (!isBack) assert.fail(`order-svc is not back:\n${(await system.logs("order-svc")).slice(-logCharsShown)}`);
        servingTime = performance.now();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      } finally {
        clearInterval(timer);
      }
      const ended = await Promise.all(calls);
      const failed = ended.filter(({ answer }) => answer.status !== 200);
      const slowestMs = Math.max(...ended.map(({ beginTime, endTime }) => endTime - beginTime));
      console.log(`      ${ended.length} calls, ${failed.length} failed, ${Math.round(slowestMs)} ms at most`);
      assert.ok(slowestMs > 300, "nobody noticed");
      // How long a container takes to start is up to the machine; how long the gateway waits for it is up to the gateway.
      const impatient = failed.filter(({ beginTime }) => servingTime - beginTime < patienceMs);
      assert.deepEqual(impatient, []);
      for (const { answer } of failed) assert.ok([503, 504].includes(answer.status), JSON.stringify(answer));
    });
    it("has make parked list, show and replay what a service cannot handle, whether that runs or not", async () => {
      const { system } = shop();
      const type = "shop.payment.v1.PaymentCaptured";
      const id = await poisonInDocker(shop().system, "order-svc", type);
      const states = () =>
        system.query<{ state: string }>("order-svc", `SELECT state FROM inbox WHERE message_id = '${id}'`);
      await eventually("parked", async () => (await states())[0]?.state === "parked", parkTimeMaxMs);
      const { stdout, stderr } = make("parked");
      assert.match(stdout, new RegExp(`^order-svc: 1 parked\n {2}${id} .*UndecodableEventError`, "m"), stderr);
      assert.match(stdout, /^payment-svc: nothing is parked$/m);
      const parked = (...args: string[]) => make("parked", "SVC=order-svc", ...args);
      const shown = JSON.parse(parked(`ID=${id}`).stdout);
      assert.deepEqual([shown.id, shown.type, shown.payload.bytes], [id, type, 1]);
      assert.match(parked("ALL=1", "REPLAY=1").stdout, /1 tried again\n.*parked again: UndecodableEventError/);

      await system.stop("order-svc");
      assert.match(parked(`ID=${id}`, "REPLAY=1").stdout, /1 tried again\n.* waits; /);
      await system.start("order-svc");
      await eventually("parked again", async () => (await states())[0]?.state === "parked", parkTimeMaxMs);
      const wrong = make("parked", "REPLAY=1");
      assert.ok(wrong.status !== 0 && wrong.stderr.includes("Say which to try again"), wrong.stderr);
      forgetInDocker(shop().system, "order-svc", id);
    });

    it("accepts orders while everything but order-svc is stopped, and settles them when it is back", async () => {
      const { ada, cup, system } = shop();
      const parts = ["product-svc", "payment-svc", "user-svc", "rabbitmq"] as const;
      for (const part of parts) await system.stop(part);
      const order = await ada.order([{ product: cup, quantity: 1 }]);
      assert.equal(order.state, "STATE_PENDING");
      await system.stop("order-svc");
      for (const part of ["order-svc", ...parts] as const) await system.start(part);
      assert.equal((await ada.settles(order)).state, "STATE_CONFIRMED");
    });

    for (const part of ["product-svc", "payment-svc", "order-svc", "user-svc", "rabbitmq"] as const) {
      it(`settles orders that were under way when ${part} was killed`, async () => {
        const { ada, cup, system } = shop();
        const orders = await Promise.all([1, 2, 3, 4].map((quantity) => ada.order([{ product: cup, quantity }])));
        await system.kill(part);
        for (const order of orders) {
          const settled = await ada.settles(order);
          assert.equal(settled.state, "STATE_CONFIRMED", JSON.stringify(settled));
        }
      });
    }
  });
} else {
  it(`the shop on docker compose: ${reason}`, function () {
    this.skip();
  });
}
