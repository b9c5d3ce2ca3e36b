import type { ErrorSources } from "./wanted-rows.ts";

const contract = `
  // Returns a payment.
  //
  // Errors: NOT_FOUND (PAYMENT_NOT_FOUND), also for the payment of someone else.
  rpc GetPayment(GetPaymentRequest) returns (Payment) {}

  // Gives a payment back.
  //
  // Errors: NOT_FOUND (PAYMENT_NOT_FOUND); INVALID_ARGUMENT (INVALID_NAME), (NO_REASON) when
  // none is given.
  rpc RefundPayment(RefundPaymentRequest) returns (Payment) {}
`;

const page = `
## Any method

| reason | code | HTTP | meaning | again |
| --- | --- | --- | --- | --- |
| \`INVALID_NAME\` | \`INVALID_ARGUMENT\` | 400 | No name. | no |
| \`RATE_LIMITED\` | \`RESOURCE_EXHAUSTED\`, \`UNKNOWN\` | 429 | Too many. | later |
| \`UNIMPLEMENTED\` | \`UNIMPLEMENTED\` | 501 | No such method. | no |
| \`RESOURCE_EXHAUSTED\` | \`RESOURCE_EXHAUSTED\` | 429 | Too large. | no |

## payment-svc

| reason | code | HTTP | methods | meaning | again |
| --- | --- | --- | --- | --- | --- |
| \`PAYMENT_NOT_FOUND\` | \`NOT_FOUND\` | 404 | \`GetPayment\`, \`RefundPayment\` | Not there. | no |
| \`NO_REASON\` | \`INVALID_ARGUMENT\` | 400 | \`RefundPayment\` | Say why. | no |
`;

const files: Readonly<Record<string, string>> = {
  "docs/errors.md": page,
  "proto/shop/payment/v1/payment_service.proto": contract,
  "chassis/src/resource-name.ts": `throw invalidField("INVALID_NAME", field, "has another form");`,
  "chassis/src/domain-error.ts": `
export function invalidField(reason: string, field: string): DomainError {
  return new DomainError("invalid", reason, field);
}
`,
  "payment-svc/src/rpc/payment-service.ts": `import type { Refund } from "../app/refund.ts";\n`,
  "payment-svc/src/app/refund.ts": `import { refund } from "../domain/refund.ts";\n`,
  "payment-svc/src/domain/refund.ts": `
// new DomainError("invalid", "ONLY_A_COMMENT", "");
export const missing = () => new DomainError(
  "not_found",
  "PAYMENT_NOT_FOUND",
  "it does not exist",
);
function refused(
  field: string,
  reason: string,
  kind: ErrorKind = "invalid",
) {
  return new DomainError(kind, reason, field, {});
}
export const check = () => refused(named("a, b"), "NO_REASON");
`,
  "payment-svc/src/events/consume.ts": `import type { Settle } from "../app/settle.ts";\n`,
  "payment-svc/src/app/settle.ts": `
import { missing } from "../domain/refund.ts";
throw new DomainError("failed_precondition", "ONLY_FOR_MESSAGES", "");
`,
};

const replies: ErrorSources["replies"] = [
  {
    reason: "RATE_LIMITED",
    when: { status: 429 },
    code: 8,
    grpcCode: 2,
    connectCode: "resource_exhausted",
    message: "",
  },
];

/** Made-up sources that keep every rule. */
export const keptBy: ErrorSources = { tree: new Map(Object.entries(files)), replies };

/** Made-up sources that break a rule, and what it says of them. */
export interface Broken {
  readonly sources: ErrorSources;
  readonly violations: readonly string[];
}

const broken: Readonly<Record<string, readonly [file: string, from: string, to: string, ...violations: string[]]>> = {
  "every error has its reason and code where it is made": [
    "payment-svc/src/domain/refund.ts",
    `"NO_REASON"`,
    `whatever`,
    "payment-svc/src/domain/refund.ts:15: write kind and reason where the error is made, not whatever",
  ],
  "every reason that a caller can meet is on the page": [
    "payment-svc/src/domain/refund.ts",
    `"NO_REASON"`,
    `"OTHER", "aborted"`,
    `docs/errors.md, "payment-svc": OTHER (ABORTED, payment-svc/src/domain/refund.ts:15) is missing`,
  ],
  "the page names no reason that nobody makes, and none twice": [
    "docs/errors.md",
    "| `UNIMPLEMENTED`",
    "| `ONLY_FOR_MESSAGES` | `NOT_FOUND` | 404 | No. | no |\n| `INVALID_NAME` | `A` | 1 | No. | no |\n| `UNIMPLEMENTED`",
    `docs/errors.md, "Any method": ONLY_FOR_MESSAGES is made nowhere`,
    `docs/errors.md, "Any method": INVALID_NAME is there twice`,
  ],
  "the page has the codes of each reason": [
    "docs/errors.md",
    "`RESOURCE_EXHAUSTED`, `UNKNOWN`",
    "`RESOURCE_EXHAUSTED`",
    `docs/errors.md, "Any method": RATE_LIMITED (the gateway) has the codes RESOURCE_EXHAUSTED, UNKNOWN, not RESOURCE_EXHAUSTED`,
  ],
  "the page has the HTTP statuses of each reason": [
    "payment-svc/src/domain/refund.ts",
    `"not_found"`,
    `"aborted"`,
    `docs/errors.md, "payment-svc": PAYMENT_NOT_FOUND (payment-svc/src/domain/refund.ts:3) has the HTTP statuses 409, not 404`,
  ],
  "the page has the methods for which the contract names a reason of a service": [
    "docs/errors.md",
    "`GetPayment`, `RefundPayment`",
    "`GetPayment`",
    `docs/errors.md, "payment-svc": PAYMENT_NOT_FOUND (payment-svc/src/domain/refund.ts:3) has the methods GetPayment, RefundPayment, not GetPayment`,
  ],
  "the page says what each reason means, and whether the same call helps later": [
    "docs/errors.md",
    "| Say why. | no |",
    "| Say why. | maybe |",
    `docs/errors.md, "payment-svc": NO_REASON needs a sentence, and "no" or "later" after it`,
  ],
  "every reason that the contract names is made by that service or for all of them, with that code": [
    "proto/shop/payment/v1/payment_service.proto",
    "INVALID_ARGUMENT (INVALID_NAME)",
    "ABORTED (INVALID_NAME)",
    "RefundPayment names INVALID_NAME (ABORTED) in its comment, and payment-svc never answers it",
    "RefundPayment names NO_REASON (ABORTED) in its comment, and payment-svc never answers it",
  ],
  "every reason of a service is named in the comment of a method that answers it": [
    "proto/shop/payment/v1/payment_service.proto",
    ", (NO_REASON)",
    "",
    "NO_REASON (payment-svc/src/domain/refund.ts:15) is in no `Errors:` comment of payment-svc's methods",
  ],
};

/** The made-up sources with one place changed, so that they break a rule. */
export function brokenBy(sentence: string): Broken {
  const [file = "", from = "", to = "", ...violations] = broken[sentence] ?? [];
  const text = files[file] ?? "";
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  return {
    sources: { tree: new Map(Object.entries({ ...files, [file]: text.replace(from, to) })), replies },
    violations,
  };
}
