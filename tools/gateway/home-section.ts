import { createHash } from "node:crypto";
import type { Method } from "./methods.ts";
import type { Section } from "./sections.ts";

/**
 * The page for people: its HTML, and a policy by which a browser runs and shows what stands in it and nothing else.
 * `services` are shown in this order. Throws when the page loads something, or has code or styles outside its elements
 * for them.
 */
export function homeSection(template: string, services: readonly string[], methods: readonly Method[]): Section {
  const page = withServices(template, services, methods);
  const foreign = /<(script|style)\s|\s(src|style|on\w+)=|<link rel="(?!icon)/.exec(page);
  if (foreign !== null) throw new Error(`envoy/index.html has ${foreign[0].trim()}, which its policy forbids`);
  const policy = [
    "default-src 'none'",
    `script-src ${hashes(page, "script")}`,
    `style-src ${hashes(page, "style")}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  const header = (name: string, value: string) =>
    `  - { header: { key: ${name}, value: "${value}" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }`;
  return [
    "response_headers_to_add:",
    header("content-type", "text/html; charset=utf-8"),
    header("content-security-policy", policy),
    header("referrer-policy", "no-referrer"),
    "direct_response:",
    "  status: 200",
    "  body:",
    "    inline_string: |",
    ...page
      .trimEnd()
      .split("\n")
      .map((line) => (line === "" ? "" : `      ${line}`)),
  ];
}

// What stands between two comments stands there once for each service.
function withServices(template: string, services: readonly string[], methods: readonly Method[]): string {
  return template.replace(/<!-- each service -->\n(.*?)<!-- end -->\n/gs, (_, lines: string) =>
    services
      .map((service) => {
        const own = methods.filter(({ upstream }) => upstream === service);
        const paths = own.flatMap(({ bindings }) => bindings.map(({ template }) => collectionOf(template)));
        return lines
          .replaceAll("SERVICE", service)
          .replaceAll("COLLECTIONS", codes(paths))
          .replaceAll("INTERFACES", codes(own.map((method) => `/${method.service}/`)));
      })
      .join(""),
  );
}

// /v1/{name=orders/*}:cancel → /v1/orders
function collectionOf(template: string): string {
  return template.replace(/^(\/v\d+\/)(?:\{[^=]+=)?(\w+).*$/, "$1$2");
}

function codes(texts: readonly string[]): string {
  return [...new Set(texts)].map((text) => `<code>${text}</code>`).join(" ");
}

function hashes(page: string, element: "script" | "style"): string {
  return [...page.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, "gs"))]
    .map(([, content = ""]) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`)
    .join(" ");
}
