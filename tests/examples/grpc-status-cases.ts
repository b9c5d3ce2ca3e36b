import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, it } from "mocha";
import { startExample } from "./example-process.ts";
import type { ExampleShop } from "./example-shop.ts";
import { findPython, makePythonVenv } from "./programs.ts";

/** How a call ended, as grpcio and grpcio-status tell it. */
interface Seen {
  readonly case: string;
  readonly code: string;
  readonly message?: string;
  readonly details?: {
    readonly ErrorInfo?: {
      readonly reason: string;
      readonly domain: string;
      readonly metadata?: Record<string, string>;
    };
    readonly BadRequest?: {
      readonly fieldViolations: readonly { readonly field: string; readonly description: string }[];
    };
  };
  readonly seconds: number;
}

/** What a client in another language sees of errors, deadlines and cancellation on the gateway's plain gRPC. */
export function grpcStatusCases(shop: () => ExampleShop): void {
  describe("a gRPC client that is not ours", () => {
    let python: string;
    let refused: Map<string, Seen>;

    before(async function () {
      const found = findPython(process.env);
      if ("missing" in found) {
        console.log(found.missing);
        this.skip();
      }
      python = await makePythonVenv(found.file);
      refused = await observe("refused");
    });

    const observe = async (mode: string, ...args: string[]): Promise<Map<string, Seen>> => {
      const { system, ada } = shop();
      const script = join(import.meta.dirname, "observe_calls.py");
      const run = startExample(python, [script, mode, new URL(system.gateway).host, ada.token ?? "", ...args]);
      assert.equal(await run.ended, 0, run.output);
      const lines = run.output.trim().split("\n");
      return new Map(lines.map((line) => JSON.parse(line) as Seen).map((seen) => [seen.case, seen]));
    };

    for (const [name, code, reason, metadata] of [
      ["missing resource", "NOT_FOUND", "ORDER_NOT_FOUND", { order: "orders/none" }],
      ["wrong fields", "INVALID_ARGUMENT", "INVALID_FIELDS", undefined],
      ["no token", "UNAUTHENTICATED", "MISSING_TOKEN", undefined],
      ["forged token", "UNAUTHENTICATED", "INVALID_TOKEN", undefined],
      ["no administrator", "PERMISSION_DENIED", "ADMIN_REQUIRED", undefined],
      ["wrong password", "UNAUTHENTICATED", "INVALID_CREDENTIALS", undefined],
      ["unknown method", "UNIMPLEMENTED", "ROUTE_NOT_FOUND", undefined],
    ] as const) {
      it(`reads a standard status with its reason: ${name}`, () => {
        const { message, details, ...seen } = refused.get(name) ?? assert.fail(`no call: ${name}`);
        assert.equal(seen.code, code);
        assert.ok(message !== undefined && message !== "");
        const { metadata: found, ...info } = details?.ErrorInfo ?? {};
        assert.deepEqual([info, found], [{ reason, domain: "quartet" }, metadata]);
      });
    }

    it("reads which fields are wrong, by their names in the contract", () => {
      const violations = refused.get("wrong fields")?.details?.BadRequest?.fieldViolations ?? [];
      assert.deepEqual(
        violations.map(({ field }) => field),
        ["lines[0].product", "lines[0].quantity"],
      );
      for (const { description } of violations) assert.notEqual(description, "");
    });

    it("gets an end by its own deadline, by cancelling and by the contract's deadline, and then an answer", async () => {
      const { system, ada, cup } = shop();
      const { name } = await ada.order([{ product: cup, quantity: 1 }]);
      const { pid } = system.stack.status().find((part) => part.name === "order-svc") ?? {};
      const seen = await observe("waiting", name, String(pid));
      const within = (what: string, code: string, minSeconds: number, maxSeconds: number) => {
        const found = seen.get(what);
        assert.equal(found?.code, code, JSON.stringify(found));
        assert.ok(found.seconds > minSeconds && found.seconds < maxSeconds, JSON.stringify(found));
      };
      within("own deadline", "DEADLINE_EXCEEDED", 0.25, 1.9);
      within("cancelled", "CANCELLED", 0.25, 1.9);
      within("deadline of the contract", "DEADLINE_EXCEEDED", 1.9, 10);
      assert.equal(seen.get("deadline of the contract")?.details?.ErrorInfo?.reason, "DEADLINE_EXCEEDED");
      assert.equal(seen.get("answered")?.code, "OK", JSON.stringify(seen.get("answered")));
    });
  });
}
