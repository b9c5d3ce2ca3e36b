import type { StackConfig } from "./stack-config.ts";

/** The last words of a successful `make up`: where things are and what to try next. */
export function whatToTry(config: Pick<StackConfig, "ports">, mode: "native" | "docker"): string {
  const { gateway, services } = config.ports;
  const base = `localhost:${gateway}`;
  const lines = [
    "",
    `Quartet is up (${mode}).`,
    "",
    `  gateway       http://${base}   HTTP/JSON, gRPC, gRPC-Web and Connect`,
    ...Object.entries(services).map(([name, { rpc, http }]) => `  ${name.padEnd(12)}  gRPC ${rpc}, HTTP ${http}`),
    "",
    "Try:",
    `  curl 'http://${base}/v1/products?pageSize=3'`,
    `  grpcurl -plaintext ${base} list`,
    `  curl -X POST http://${base}/v1/users -H 'content-type: application/json' \\`,
    `    -d '{"email": "ada@example.com", "password": "a long enough password", "displayName": "Ada"}'`,
    "",
    "  make admin    the administrator's password        make logs SVC=order-svc    follow a service",
    "  make status   what runs                           make down                  stop; data stays",
  ];
  return lines.join("\n");
}
