import type { Method } from "./methods.ts";
import type { Section } from "./sections.ts";

/**
 * Routes that refuse a query which says again what path or body say. The transcoder would let the query win:
 * `GET /v1/orders/1?name=orders/2` would be a call for order 2. And a secret that belongs into a body would be taken
 * from a query, which proxies write down.
 */
export function queriesSection(methods: readonly Method[]): Section {
  const bindings = methods.flatMap((method) => method.bindings);
  const names = bindings.flatMap(({ template, body }) => [
    ...pathVariables(template).flatMap(spellings).map(escaped),
    ...(body === "" || body === "*" ? [] : spellings(body).map((field) => `${field}\\.[^=&]*`)),
  ]);
  // No parameter has a name that needs an escape, and an escaped one would not be recognised.
  const parameter = `(${alternatives(names)}|[^=&]*%[^=&]*)([=&].*)?`;
  const whole = bindings.filter(({ body }) => body === "*");
  return [
    ...refusal("prefix: /v1/", header(":path", `[^?]*\\?(.*&)?${parameter}`)),
    ...refusal(
      `safe_regex: { regex: '${alternatives(whole.map(({ template }) => templateRegex(template)))}' }`,
      header(":method", alternatives(whole.map(({ verb }) => verb))),
      header(":path", ".*\\?.+"),
    ),
  ];
}

function refusal(path: string, ...headers: readonly string[]): string[] {
  return [
    "- name: rest-query",
    `  match: { ${path}, headers: [${headers.join(", ")}] }`,
    "  typed_per_filter_config: *open",
    "  direct_response: { status: 400 }",
  ];
}

function header(name: string, regex: string): string {
  return `{ name: "${name}", string_match: { safe_regex: { regex: '${regex}' } } }`;
}

function alternatives(patterns: readonly string[]): string {
  return [...new Set(patterns)].join("|");
}

function pathVariables(template: string): string[] {
  return [...template.matchAll(/\{([^=}]+)/g)].map(([, variable = ""]) => variable);
}

// The transcoder takes both.
function spellings(variable: string): string[] {
  return [variable, variable.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
}

function escaped(text: string): string {
  return text.replaceAll(".", "\\.");
}

// A `*` is one segment, without the colon that begins a custom verb. The transcoder takes a slash at the end, too.
function templateRegex(template: string): string {
  return `${template.replace(/\{[^=}]+=([^}]+)\}/g, "$1").replaceAll("*", "[^/:]+")}/?`;
}
