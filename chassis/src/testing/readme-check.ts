import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { http } from "@quartet/proto/google/api/annotations_pb";
import { AccessSchema } from "@quartet/proto/shop/options/v1/options_pb";
import type { Settings } from "../config.ts";
import { loadContract, serviceOf } from "../contract.ts";
import { type EventDescription, eventCatalog } from "../events/catalog.ts";
import { policyOf } from "../rpc/policy.ts";

/** What {@link assertReadmeTrue} compares. */
export interface ReadmeCheck {
  readonly readme: URL;
  /** Name of the service, as its folder. */
  readonly service: string;
  readonly settings: Settings;
  /** Words for defaults that depend on the machine, by variable. */
  readonly defaults?: Readonly<Record<string, string>>;
}

/**
 * Asserts that the README of a service says what the code and the contract say. These tables must have exactly these
 * cells, in this order; further columns are free:
 * RPCs (method, REST, who may call), Events published (event, consumers), Events consumed (event, publisher),
 * Configuration (variable, default, meaning). "None." stands for a table without rows.
 */
export function assertReadmeTrue(check: ReadmeCheck): void {
  const text = readFileSync(check.readme, "utf8");
  const wanted = wantedTables(check);
  for (const [heading, rows] of Object.entries(wanted)) {
    const columns = rows[0]?.length ?? 0;
    assert.deepEqual(
      tableUnder(text, heading).map((row) => row.slice(0, columns)),
      rows,
      `README.md, ${heading}; expected:\n${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}\n`,
    );
  }
}

function wantedTables({ service, settings, defaults = {} }: ReadmeCheck): Record<string, string[][]> {
  const { registry } = loadContract();
  const events = [...eventCatalog(registry.files).values()];
  const methods = [...registry].flatMap((type) =>
    type.kind === "service" && serviceOf(type.file) === service ? type.methods : [],
  );
  const code = (word: string) => `\`${word}\``;
  const name = ({ schema }: EventDescription) => code(schema.name);
  return {
    RPCs: methods.map((method) => [code(method.name), code(restOf(method)), accessOf(method)]),
    "Events published": events
      .filter(({ publisher }) => publisher === service)
      .map((event) => [name(event), event.consumers.join(", ") || "nobody yet"]),
    "Events consumed": events
      .filter(({ consumers }) => consumers.includes(service))
      .map((event) => [name(event), event.publisher]),
    Configuration: Object.values(settings).map((setting) => [
      code(setting.variable),
      defaults[setting.variable] ?? defaultOf(setting),
      setting.description,
    ]),
  };
}

/** Secrets stay out of it, also those that everybody knows. */
function defaultOf({ fallback, secret }: Settings[string]): string {
  if (fallback === undefined) return "required";
  return secret || fallback === "" ? "" : `\`${fallback}\``;
}

/** As in "GET /v1/things/*": the verb and the path, with a name's pattern in place of its field. */
function restOf(method: DescMethod): string {
  const { pattern } = getOption(method, http);
  assert.ok(typeof pattern.value === "string", `${method.name} has no plain REST binding`);
  return `${pattern.case?.toUpperCase()} ${pattern.value.replace(/\{[\w.]+=([^}]*)\}/, "$1")}`;
}

function accessOf(method: DescMethod): string {
  return (AccessSchema.value[policyOf(method).access]?.localName ?? "").toLowerCase();
}

/** The cells of the table under a heading of the second level, without its head. */
function tableUnder(text: string, heading: string): string[][] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, `README.md has no section "${heading}"`);
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  if (lines.length === 0) assert.match(section, /^None\.$/m, `README.md, ${heading}: neither a table nor "None."`);
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}
