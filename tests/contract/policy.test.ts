import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "mocha";
import { contractOf } from "../../tools/contract/contract-image.ts";
import { buildContract } from "../../tools/contract/generate-contract.ts";
import { policyProblems } from "../../tools/contract/policy-rules.ts";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import { type ContractCopy, copyContract } from "./contract-copy.ts";

const order = "proto/shop/order/v1/order.proto";
const orderEvents = "proto/shop/order/v1/order_events.proto";
const orderService = "proto/shop/order/v1/order_service.proto";
const productService = "proto/shop/product/v1/product_service.proto";
const userService = "proto/shop/user/v1/user_service.proto";

const inGetUser = { after: "rpc GetUser(" };

describe("the policy rules of the contract", function () {
  this.timeout(60_000);
  let copy: ContractCopy;
  before(async () => {
    copy = await copyContract();
  });
  afterEach(() => copy.restore());
  after(() => copy.remove());

  const problems = async (known: readonly string[] = serviceNames) =>
    policyProblems(contractOf(await buildContract(copy.root)), known);
  const finds = async (culprit: RegExp, known: readonly string[] = serviceNames) => {
    const found = await problems(known);
    assert.ok(
      found.some((problem) => culprit.test(problem)),
      `no problem names ${culprit} among:\n${found.join("\n")}`,
    );
  };

  it("are kept by the contract as it is", async () => {
    assert.deepEqual(await problems(), []);
  });

  it("find a method without a policy", async () => {
    const policy =
      / {4}option \(shop\.options\.v1\.policy\) = \{[^}]*\};\n/.exec(await copy.read(userService))?.[0] ?? "";
    await copy.edit(userService, policy, "", { every: true });
    await finds(/^shop\.user\.v1\.UserService\.\w+ has no policy$/);
  });

  it("find a policy without access", async () => {
    await copy.edit(userService, "      access: ACCESS_OWNER\n", "", inGetUser);
    await finds(/^shop\.user\.v1\.UserService\.GetUser has no access in its policy$/);
  });

  it("find a policy without a rate class", async () => {
    await copy.edit(userService, "      rate_class: RATE_CLASS_READ\n", "", inGetUser);
    await finds(/^shop\.user\.v1\.UserService\.GetUser has no rate_class in its policy$/);
  });

  it("find a policy without a deadline", async () => {
    await copy.edit(userService, "      deadline_ms: 5000\n", "", inGetUser);
    await finds(/^shop\.user\.v1\.UserService\.GetUser needs a deadline_ms above 0/);
  });

  it("find an internal method", async () => {
    await copy.edit(userService, "ACCESS_OWNER", "ACCESS_INTERNAL", inGetUser);
    await finds(/^shop\.user\.v1\.UserService\.GetUser has ACCESS_INTERNAL/);
  });

  it("find a read that does not say so to its clients", async () => {
    await copy.edit(userService, "    option idempotency_level = NO_SIDE_EFFECTS;\n", "", inGetUser);
    await finds(/^shop\.user\.v1\.UserService\.GetUser has IDEMPOTENCY_NO_SIDE_EFFECTS and idempotency_level/);
    await finds(/^shop\.user\.v1\.UserService\.GetUser is bound to GET, but may have side effects/);
  });

  it("find a repeatable method without a request_id", async () => {
    await copy.edit(userService, "string request_id = 4", "string request_key = 4");
    await finds(/^shop\.user\.v1\.UserService\.CreateUser has IDEMPOTENCY_REQUEST_ID, but/);
  });

  it("find a string without a longest length", async () => {
    await copy.edit(
      productService,
      "string description = 2 [(buf.validate.field).string.max_len = 2000]",
      "string description = 2",
    );
    await finds(/^shop\.product\.v1\.CreateProductRequest\.description needs max_len$/);
  });

  it("find a number without a range, in a nested message too", async () => {
    await copy.edit(orderService, "gte: 1\n      lte: 1000", "gte: 1");
    await finds(/^shop\.order\.v1\.CreateOrderRequest\.Line\.quantity needs an upper bound/);
  });

  it("find a list without a most of items", async () => {
    await copy.edit(orderService, "    max_items: 100\n", "");
    await finds(/^shop\.order\.v1\.CreateOrderRequest\.lines needs max_items$/);
  });

  it("find a list of strings without a longest length", async () => {
    const item = / {8}pattern: "\^products[^\n]*\n {8}max_len: 73\n/;
    await copy.edit(productService, item.exec(await copy.read(productService))?.[0] ?? "", "        min_len: 1\n");
    await finds(/^shop\.product\.v1\.BatchGetProductsRequest\.names needs max_len$/);
  });

  it("find a map, an enum, bytes and a wrapper without bounds", async () => {
    await copy.edit(
      userService,
      "message GetUserRequest {",
      "message GetUserRequest {\n  map<string, int32> limits = 2;\n  User.Role role = 3;\n  bytes blob = 4;\n  google.protobuf.StringValue note = 5;",
    );
    await copy.edit(
      userService,
      'import "google/api/annotations.proto";',
      'import "google/api/annotations.proto";\nimport "google/protobuf/wrappers.proto";',
    );
    const found = await problems();
    for (const expected of [
      "shop.user.v1.GetUserRequest.limits needs max_pairs",
      "shop.user.v1.GetUserRequest.role needs enum.defined_only",
      "shop.user.v1.GetUserRequest.blob needs max_len",
      "shop.user.v1.GetUserRequest.note needs max_len",
    ]) {
      assert.ok(found.includes(expected), `${expected} is not among:\n${found.join("\n")}`);
    }
  });

  it("find a list method without pages", async () => {
    await copy.edit(orderService, "rpc ListOrders(ListOrdersRequest)", "rpc ListOrders(GetOrderRequest)");
    await finds(/^shop\.order\.v1\.GetOrderRequest needs an int32 page_size/);
  });

  it("find two methods with one REST binding, whatever the variables are called", async () => {
    await copy.edit(orderService, 'get: "/v1/{parent=orders/*}/events"', 'get: "/v1/orders/{parent}"');
    await finds(/^shop\.order\.v1\.OrderService\.ListOrderEvents is bound to GET \/v1\/orders\/\*, as/);
  });

  it("find a method without a REST binding", async () => {
    await copy.edit(orderService, '    option (google.api.http) = {get: "/v1/orders"};\n', "");
    await finds(/^shop\.order\.v1\.OrderService\.ListOrders has no google\.api\.http binding$/);
  });

  it("find a path variable that is no field", async () => {
    await copy.edit(orderService, "{parent=orders/*}", "{order=orders/*}");
    await finds(/^shop\.order\.v1\.OrderService\.ListOrderEvents has \{order\} in its path/);
  });

  it("find an event that is not marked", async () => {
    await copy.write(orderEvents, `${await copy.read(orderEvents)}\n// Not marked.\nmessage OrderShipped {}\n`);
    await finds(/^shop\.order\.v1\.OrderShipped stands in .* and is not marked as an event$/);
  });

  it("find an event in another file, and one without a version", async () => {
    await copy.edit(
      order,
      'import "shop/money/v1/money.proto";',
      'import "shop/money/v1/money.proto";\nimport "shop/options/v1/options.proto";',
    );
    await copy.edit(order, "message OrderLine {", "message OrderLine {\n  option (shop.options.v1.event) = {};");
    await finds(/^shop\.order\.v1\.OrderLine is an event and belongs/);
    await finds(/^shop\.order\.v1\.OrderLine does not carry the version/);
  });

  it("find a consumer that is no service", async () => {
    await copy.edit(orderEvents, '"product-svc",\n      "payment-svc"', '"product-svc", "parcel-svc"');
    await finds(/^shop\.order\.v1\.OrderCancelled names the consumer "parcel-svc"/);
  });

  it("find a secret that is not marked", async () => {
    await copy.edit(orderEvents, "payment_token = 5 [(shop.options.v1.sensitive) = true]", "payment_token = 5");
    await finds(/^shop\.order\.v1\.OrderReadyForPayment\.payment_token sounds like a secret/);
  });
});
