import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { serviceNames } from "../stack/stack-config.ts";
import { createDependents } from "./dependents.ts";

const checkout = join(import.meta.dirname, "..", "..");

describe("dependents", () => {
  let root: string;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "quartet-dependents-"));
    for (const service of serviceNames)
      write(`${service}/src/main.ts`, 'import { log } from "@quartet/chassis/log";\n');
    write("chassis/src/log.ts", 'export { level } from "./level.ts";\n');
    write("chassis/src/level.ts", "");
    write(
      "order-svc/src/main.ts",
      [
        'import {\n  call,\n} from "@quartet/chassis/client";',
        'import type { Shape } from "./ports.ts";',
        'import { OrderSchema } from "@quartet/proto/shop/order/v1/order_pb";',
        'const late = await import("./late.ts");',
        'const image = import.meta.resolve("@quartet/proto/contract.binpb");',
      ].join("\n"),
    );
    write("chassis/src/client.ts", "");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const cases: [path: string, wanted: string[]][] = [
    ["user-svc/src/main.ts", ["user-svc"]],
    ["chassis/src/client.ts", ["order-svc"]],
    ["chassis/src/level.ts", serviceNames.filter((name) => name !== "order-svc")],
    ["order-svc/src/late.ts", ["order-svc"]],
    ["proto/gen/shop/order/v1/order_pb.ts", ["order-svc"]],
    ["proto/gen/contract.binpb", ["order-svc"]],
    ["chassis/migrations/0001_a.sql", [...serviceNames]],
    ["product-svc/migrations/0001_a.sql", ["product-svc"]],
    ["order-svc/src/ports.ts", []],
    ["order-svc/src/testing/neighbours.ts", []],
  ];
  for (const [path, wanted] of cases) {
    it(`of ${path}: ${wanted.join(", ") || "none"}`, () => assert.deepEqual(createDependents(root).of([path]), wanted));
  }

  it("follows imports as they are now, and still knows those that are gone", () => {
    const dependents = createDependents(root);
    write("user-svc/src/main.ts", 'import "./new.ts";\n');
    assert.deepEqual(dependents.of(["user-svc/src/new.ts"]), ["user-svc"]);
    assert.deepEqual(
      dependents.of(["chassis/src/log.ts"]),
      serviceNames.filter((name) => name !== "order-svc" && name !== "user-svc"),
    );
    write("user-svc/src/main.ts", "");
    assert.deepEqual(dependents.of(["user-svc/src/new.ts"]), ["user-svc"]);
  });

  it("finds in the checkout what every service is made of", () => {
    const dependents = createDependents(checkout);
    assert.deepEqual(dependents.of(["chassis/src/service-host.ts"]), [...serviceNames]);
    assert.deepEqual(dependents.of(["proto/gen/contract.binpb"]), [...serviceNames]);
    for (const service of serviceNames) {
      assert.ok(existsSync(join(checkout, service, "src/service.ts")));
      assert.deepEqual(dependents.of([`${service}/src/service.ts`]), [service]);
      assert.deepEqual(dependents.of([`${service}/src/config.ts`]), [service]);
    }
  });
});
