import { services } from "../stack/stack-config.ts";
import { clustersSection, keysSection } from "./clusters-section.ts";
import { errorsSection } from "./errors-section.ts";
import { homeSection } from "./home-section.ts";
import { readMethods } from "./methods.ts";
import { queriesSection } from "./queries-section.ts";
import {
  accessSection,
  ratesSection,
  readinessSection,
  routesSection,
  type Section,
  servicesSection,
  statsSection,
  tokensSection,
} from "./sections.ts";

const startPattern = /^( *)# <contract (\w+)>/;
const endPattern = /^ *# <\/contract>/;

/**
 * Returns the gateway's configuration with every part between `# <contract name>` and `# </contract>` as the contract
 * and the page for people say. Throws when a part is missing, unknown or not closed.
 */
export function fill(yaml: string, contract: Uint8Array, page: string): string {
  const methods = readMethods(contract);
  const sections = new Map<string, Section>([
    ["errors", errorsSection(contract)],
    ["services", servicesSection(methods)],
    ["tokens", tokensSection(methods)],
    ["access", accessSection(methods)],
    ["rates", ratesSection(methods)],
    ["stats", statsSection(methods)],
    ["home", homeSection(page, Object.keys(services), methods)],
    ["readiness", readinessSection(methods)],
    ["routes", routesSection(methods)],
    ["clusters", clustersSection(services)],
    ["keys", keysSection(services)],
    ["queries", queriesSection(methods)],
  ]);

  const filled: string[] = [];
  let open: string | undefined;
  for (const line of yaml.split("\n")) {
    const [, indent, name] = startPattern.exec(line) ?? [];
    if (name !== undefined) {
      const section = sections.get(name);
      if (open !== undefined) throw new Error(`the part ${open} of envoy.yaml is not closed`);
      if (section === undefined) throw new Error(`envoy.yaml has an unknown or repeated part ${name}`);
      filled.push(line, ...section.map((text) => (text === "" ? "" : `${indent}${text}`)));
      sections.delete(name);
      open = name;
    } else if (endPattern.test(line)) {
      filled.push(line);
      open = undefined;
    } else if (open === undefined) {
      filled.push(line);
    }
  }
  if (open !== undefined) throw new Error(`the part ${open} of envoy.yaml is not closed`);
  if (sections.size > 0) throw new Error(`envoy.yaml lacks the parts ${[...sections.keys()].join(", ")}`);
  return filled.join("\n");
}
