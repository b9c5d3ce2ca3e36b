import { describeImport, type Import, importsIn } from "./imports.ts";
import { type Rule, type SourceTree, services } from "./source-tree.ts";

/** Of what the chassis offers, the only part that the rules of the business may use at run time. */
const domainError = "@quartet/chassis/domain-error";

/** What is pure in node:crypto. Randomness is injected like time and ids. */
const pureCrypto: readonly string[] = ["createHash", "hash", "timingSafeEqual"];

const outsideOf = (folder: string, isAllowed: (found: Import, service: string) => boolean) => (tree: SourceTree) =>
  services.flatMap((service) =>
    importsIn(tree, [`${service}/src/${folder}`])
      .filter((found) => !isAllowed(found, service))
      .map(describeImport),
  );

const inFolder = (service: string, folder: string, { target }: Import) =>
  target.startsWith(`${service}/src/${folder}/`);

/** Which folder may import what. */
export const layerRules: readonly Rule[] = [
  {
    sentence: "domain/ imports only domain/ and the chassis' DomainError",
    violations: outsideOf("domain", (found, service) => {
      return found.specifier === domainError || inFolder(service, "domain", found);
    }),
    refused: [
      { "order-svc/src/domain/order.ts": `import { createHash } from "node:crypto";` },
      { "order-svc/src/domain/order.ts": `import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";` },
      { "user-svc/src/domain/user.ts": `import { find } from "../storage/user-store.ts";` },
      { "user-svc/src/domain/user.ts": `const load = () => import("../app/ports.ts");` },
    ],
    accepted: {
      "order-svc/src/domain/order.ts": `import { DomainError } from "@quartet/chassis/domain-error";\nimport { a } from "./a.ts";`,
      "order-svc/src/domain/order.test.ts": `import assert from "node:assert/strict";`,
    },
  },
  {
    sentence: "app/ imports domain/, app/, types of the chassis, its DomainError and hashes, and nothing else",
    violations: outsideOf("app", (found, service) => {
      if (inFolder(service, "app", found) || inFolder(service, "domain", found)) return true;
      if (found.specifier === domainError) return true;
      if (found.specifier === "node:crypto") return found.values.every((name) => pureCrypto.includes(name));
      return found.specifier.startsWith("@quartet/chassis/") && found.isTypeOnly;
    }),
    refused: [
      { "order-svc/src/app/place.ts": `import type { Rows } from "../storage/rows.ts";` },
      { "order-svc/src/app/place.ts": `import { currentContext } from "@quartet/chassis/work-context";` },
      {
        "order-svc/src/app/place.ts": `import {\n  type Claim,\n  claim,\n} from "@quartet/chassis/storage/unit-of-work";`,
      },
      { "user-svc/src/app/log-in.ts": `import { createHash, randomBytes } from "node:crypto";` },
      { "user-svc/src/app/log-in.ts": `import type { User } from "@quartet/proto/shop/user/v1/user_pb";` },
    ],
    accepted: {
      "order-svc/src/app/place.ts": [
        `import { createHash } from "node:crypto";`,
        `import { DomainError } from "@quartet/chassis/domain-error";`,
        `import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";`,
        `import { type Database } from "@quartet/chassis/storage/database";`,
        `import { place } from "../domain/place.ts";`,
        `import type { Orders } from "./ports.ts";`,
      ].join("\n"),
    },
  },
  {
    sentence:
      "generated messages stay in rpc/, events/ and clients/; service.ts names the services it implements and calls",
    violations: (tree) =>
      services.flatMap((service) =>
        importsIn(tree, [`${service}/src`])
          .filter(({ specifier }) => specifier.endsWith("_pb") || specifier.startsWith("@quartet/proto"))
          .filter(({ path, specifier }) => {
            const place = path.slice(`${service}/src/`.length);
            return !(
              /^(rpc|events|clients)\//.test(place) ||
              (place === "service.ts" && /_service_pb$/.test(specifier))
            );
          })
          .map(describeImport),
      ),
    refused: [
      { "order-svc/src/storage/rows.ts": `import { OrderSchema } from "@quartet/proto/shop/order/v1/order_pb";` },
      { "order-svc/src/domain/order.ts": `import type { Order } from "@quartet/proto/shop/order/v1/order_pb";` },
      { "order-svc/src/service.ts": `import { OrderSchema } from "@quartet/proto/shop/order/v1/order_pb";` },
    ],
    accepted: {
      "order-svc/src/rpc/message.ts": `import { OrderSchema } from "@quartet/proto/shop/order/v1/order_pb";`,
      "order-svc/src/service.ts": `import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";`,
      "order-svc/src/testing/orders.ts": `import { OrderSchema } from "@quartet/proto/shop/order/v1/order_pb";`,
    },
  },
  {
    sentence: "no service imports another, tests included, and nothing outside of its own folder",
    violations: (tree) =>
      services.flatMap((service) =>
        importsIn(tree, [service], { tests: true })
          .filter(({ specifier, target }) => {
            if (specifier.startsWith(".")) return !target.startsWith(`${service}/`);
            return services.some((other) => specifier.startsWith(`@quartet/${other}`));
          })
          .map(describeImport),
      ),
    refused: [
      { "order-svc/src/app/place.ts": `import { hold } from "../../../product-svc/src/domain/hold.ts";` },
      { "order-svc/src/app/place.ts": `import { hold } from "@quartet/product-svc/src/domain/hold";` },
      { "order-svc/src/app/place.test.ts": `import { root } from "../../../tools/root.ts";` },
    ],
    accepted: { "order-svc/src/app/place.ts": `import { hold } from "../domain/hold.ts";` },
  },
  {
    sentence: "the chassis imports no service and nothing of the contract but its options and google's errors",
    violations: (tree) =>
      importsIn(tree, ["chassis"], { tests: true })
        .filter(({ specifier, target, path }) => {
          if (specifier.startsWith(".")) return !target.startsWith("chassis/");
          if (!specifier.startsWith("@quartet/")) return false;
          if (/^@quartet\/proto\/(shop\/options\/v1\/|google\/|buf\/|contract\.binpb$)/.test(specifier)) return false;
          return !(path.endsWith(".test.ts") && specifier.startsWith("@quartet/proto/"));
        })
        .map(describeImport),
    refused: [
      { "chassis/src/rpc/policy.ts": `import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";` },
      { "chassis/src/testing/thing.ts": `import type { Order } from "@quartet/proto/shop/order/v1/order_pb";` },
      { "chassis/src/host.test.ts": `import { createService } from "../../order-svc/src/service.ts";` },
    ],
    accepted: {
      "chassis/src/rpc/policy.ts": `import { policy } from "@quartet/proto/shop/options/v1/options_pb";`,
      "chassis/src/rpc/errors.ts": `import { StatusSchema } from "@quartet/proto/google/rpc/status_pb";`,
    },
  },
];
