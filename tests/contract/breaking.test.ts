import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "mocha";
import { breakingProblems, releaseContract } from "../../tools/contract/released-contract.ts";
import { type ContractCopy, copyContract } from "./contract-copy.ts";

const order = "proto/shop/order/v1/order.proto";
const orderEvents = "proto/shop/order/v1/order_events.proto";
const orderService = "proto/shop/order/v1/order_service.proto";
const userEvents = "proto/shop/user/v1/user_events.proto";
const userService = "proto/shop/user/v1/user_service.proto";

describe("the released contract", function () {
  this.timeout(60_000);
  let copy: ContractCopy;
  before(async () => {
    copy = await copyContract();
    await releaseContract(copy.root);
  });
  afterEach(() => copy.restore());
  after(() => copy.remove());

  const breaks = async (...culprits: readonly RegExp[]) => {
    const problems = await breakingProblems(copy.root);
    for (const culprit of culprits) {
      assert.ok(
        problems.some((problem) => culprit.test(problem)),
        `no problem names ${culprit} among:\n${problems.join("\n")}`,
      );
    }
  };

  const passes = async () => assert.deepEqual(await breakingProblems(copy.root), []);

  describe("is broken by", () => {
    it("a field with another number", async () => {
      await copy.edit(order, "string display_name = 3;", "string display_name = 30;");
      await breaks(/"display_name" on message "OrderLine"/);
    });

    it("a field of another type", async () => {
      await copy.edit(order, "int32 quantity = 4;", "int64 quantity = 4;");
      await breaks(/Field "4" with name "quantity" on message "OrderLine" changed type/);
    });

    it("a field that is gone, even when its number is reserved", async () => {
      await copy.edit(order, "string display_name = 3;", "reserved 3;");
      await breaks(/field "3" with name "display_name" on message "OrderLine" was deleted/);
    });

    it("a field of another name", async () => {
      await copy.edit(order, "string trace_id = 7;", "string trace = 7;");
      await breaks(/"trace_id"/);
    });

    it("a message that is gone", async () => {
      await copy.edit(orderService, "message GetOrderRequest {", "message FindOrderRequest {");
      await copy.edit(orderService, "rpc GetOrder(GetOrderRequest)", "rpc GetOrder(FindOrderRequest)");
      await breaks(/message "GetOrderRequest" was deleted/);
    });

    it("a method that is gone", async () => {
      await copy.edit(orderService, "rpc CancelOrder(", "rpc AbandonOrder(");
      await breaks(/RPC "CancelOrder" on service "OrderService" was deleted/, /OrderService\.CancelOrder .* is gone/);
    });

    it("an enum value with another number", async () => {
      await copy.edit(order, "STATE_CANCELLED = 4;", "STATE_CANCELLED = 5;");
      await breaks(/order\.proto:.*enum value "4" on enum "State" was deleted/);
    });

    it("an enum value of another name", async () => {
      await copy.edit(order, "STOCK_STATE_SOLD = 3;", "STOCK_STATE_GONE = 3;");
      await breaks(/"STOCK_STATE_SOLD"/);
    });

    it("another REST path", async () => {
      await copy.edit(orderService, 'post: "/v1/orders"', 'post: "/v1/purchases"');
      await breaks(/OrderService\.CreateOrder was released as "POST \/v1\/orders, body \*"/);
    });

    it("another REST verb", async () => {
      await copy.edit(orderService, 'post: "/v1/{name=orders/*}:cancel"', 'put: "/v1/{name=orders/*}:cancel"');
      await breaks(/OrderService\.CancelOrder was released as "POST .*and is now "PUT /);
    });

    it("another REST body", async () => {
      await copy.edit(orderService, 'post: "/v1/orders"\n      body: "*"', 'post: "/v1/orders"\n      body: "lines"');
      await breaks(/OrderService\.CreateOrder .*body \*.*body lines/);
    });

    it("looser access", async () => {
      await copy.edit(orderService, "access: ACCESS_OWNER", "access: ACCESS_PUBLIC", { every: true });
      await breaks(/OrderService\.GetOrder was released with ACCESS_OWNER and now has ACCESS_PUBLIC/);
    });

    it("a weaker promise about repeated calls", async () => {
      await copy.edit(userService, "IDEMPOTENCY_REQUEST_ID", "IDEMPOTENCY_NONE");
      await breaks(/UserService\.CreateUser was released with IDEMPOTENCY_REQUEST_ID/);
    });

    it("a shorter deadline", async () => {
      await copy.edit(userService, "deadline_ms: 5000", "deadline_ms: 200", { after: "rpc GetUser(" });
      await breaks(/UserService\.GetUser was released with a deadline of 5000 ms/);
    });

    it("an event without one of its consumers", async () => {
      await copy.edit(orderEvents, '"product-svc",\n      "payment-svc"', '"product-svc"');
      await breaks(/shop\.order\.v1\.OrderCancelled was released with the consumer payment-svc/);
    });

    it("a message that is no event any more", async () => {
      await copy.edit(userEvents, "  option (shop.options.v1.event) = {};\n", "", { after: "message UserCreated {" });
      await breaks(/shop\.user\.v1\.UserCreated was released as an event/);
    });

    it("a secret that is no longer marked", async () => {
      await copy.edit(orderEvents, "payment_token = 5 [(shop.options.v1.sensitive) = true]", "payment_token = 5");
      await breaks(/shop\.order\.v1\.OrderReadyForPayment\.payment_token was released as sensitive/);
    });
  });

  describe("allows", () => {
    it("no change", passes);

    it("a new field", async () => {
      await copy.edit(order, "string trace_id = 7;", "string trace_id = 7;\n  string note = 8;");
      await passes();
    });

    it("a new enum value", async () => {
      await copy.edit(order, "STATE_CANCELLED = 4;", "STATE_CANCELLED = 4;\n    STATE_RETURNED = 5;");
      await passes();
    });

    it("a new method with a new message", async () => {
      await copy.edit(
        orderService,
        "  // Cancels an order.",
        '  rpc PrintOrder(PrintOrderRequest) returns (Order) {\n    option (google.api.http) = {get: "/v1/print"};\n  }\n\n  // Cancels an order.',
      );
      await copy.edit(
        orderService,
        "// Request of GetOrder.",
        "message PrintOrderRequest {}\n\n// Request of GetOrder.",
      );
      await passes();
    });

    it("one more REST binding", async () => {
      const more = 'get: "/v1/{name=orders/*}" additional_bindings: {get: "/v1/{name=carts/*}"}';
      await copy.edit(orderService, 'get: "/v1/{name=orders/*}"', more);
      await passes();
    });

    it("one more consumer and one more event", async () => {
      await copy.edit(userEvents, "= {};", '= {consumers: ["order-svc"]};', { after: "message UserCreated {" });
      await copy.edit(
        userEvents,
        "// An account was created.",
        "message UserMoved {\n  option (shop.options.v1.event) = {};\n}\n\n// An account was created.",
      );
      await passes();
    });

    it("a longer deadline", async () => {
      await copy.edit(userService, "deadline_ms: 5000", "deadline_ms: 6000", { after: "rpc GetUser(" });
      await passes();
    });

    it("another comment", async () => {
      await copy.edit(order, "// An order of one user.", "// What one user ordered.");
      await passes();
    });
  });

  describe("is not replaced", () => {
    it("by another contract under the same version", async () => {
      await copy.edit(order, "string trace_id = 7;", "string trace_id = 7;\n  string note = 8;");
      await assert.rejects(releaseContract(copy.root), /is released already: give proto\/package\.json a new version/);
      await passes();
    });

    it("by a version that the changelog does not tell about", async () => {
      await copy.edit(
        "proto/package.json",
        /"version": "[^"]+"/.exec(await copy.read("proto/package.json"))?.[0] ?? "",
        '"version": "98.7.6"',
      );
      await assert.rejects(releaseContract(copy.root), /no section "## 98\.7\.6"/);
    });
  });

  it("has to be there for a comparison", async () => {
    const other = await copyContract();
    try {
      await rm(join(other.root, "proto", "released"), { recursive: true, force: true });
      await assert.rejects(breakingProblems(other.root), /proto\/released is empty/);
    } finally {
      await other.remove();
    }
  });
});
