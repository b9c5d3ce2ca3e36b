import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { findGrpcurl } from "../tools/stack/grpcurl.ts";
import { freePorts } from "../tools/stack/ports.ts";
import { namedPorts, readStackConfig, serviceNames } from "../tools/stack/stack-config.ts";
import { examplesIn, normalized, openShell, runExample, type Shell } from "./console-examples.ts";

const rootDir = join(import.meta.dirname, "..");
const readme = readFileSync(join(rootDir, "README.md"), "utf8");

/** Variables that move the ports of the stack; the first is the gateway's. */
const portNames = namedPorts(readStackConfig({}, rootDir)).map(({ variable }) => variable);

describe("README.md", function () {
  // The first command starts everything.
  this.timeout(300_000);
  let shell: Shell;
  let dataDir: string;

  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "quartet-readme-"));
    const free = await freePorts(portNames.length);
    const ports = Object.fromEntries(portNames.map((name, index) => [name, String(free[index])]));
    shell = openShell(
      rootDir,
      { ...process.env, ...ports, QUARTET_DATA_DIR: dataDir, MODE: "native" },
      String(free[0]),
    );
  });
  after(async () => {
    await shell.run("make down");
    shell.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  for (const { command, output } of examplesIn(readme)) {
    it(`says what happens: ${command.slice(0, 80)}`, async function () {
      // Built with Go by `make test` where there is Go; tools/stack/grpcurl.ts says so where there is none.
      if (command.startsWith("grpcurl") && findGrpcurl(process.env, rootDir) === undefined) this.skip();
      const result = await runExample(shell, { command, output });
      assert.equal(result.code, 0, result.output);
      if (output !== "") assert.equal(normalized(result.output), normalized(output));
    });
  }

  it("links to files that exist", () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = ""]) => link);
    assert.ok(links.length > 20);
    const isThere = (link: string) => link.includes("://") || existsSync(join(rootDir, link));
    assert.deepEqual(
      links.filter((link) => !isThere(link)),
      [],
    );
  });

  it("tells of every method and event of the contract, at its service", () => {
    const rows = new Map(
      [...readme.matchAll(/^\| \[([a-z-]+)\]\(\1\/\) \|(.*)$/gm)].map(([, service = "", rest = ""]) => [
        service,
        rest.split("|").map((cell) =>
          cell
            .trim()
            .split(", ")
            .filter((name) => name !== "–")
            .sort(),
        ),
      ]),
    );
    for (const service of serviceNames) {
      const noun = service.replace(/-svc$/, "").replaceAll("-", "_");
      const read = (file: string) =>
        readFileSync(join(rootDir, "proto/shop", noun, "v1", `${noun}_${file}.proto`), "utf8");
      const names = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name).sort();
      const [, methods, published] = rows.get(service) ?? assert.fail(service);
      assert.deepEqual(methods, names(read("service"), /^ {2}rpc (\w+)\(/gm));
      assert.deepEqual(published, names(read("events"), /^message (\w+) \{/gm));
    }
  });

  it("names targets that the Makefile has", () => {
    const makefile = readFileSync(join(rootDir, "Makefile"), "utf8");
    const targets = new Set([...readme.matchAll(/make ([a-z]+(?:-[a-z]+)*)/g)].map(([, target = ""]) => target));
    assert.ok(targets.size > 8);
    const isThere = (target: string) => new RegExp(`^${target}:`, "m").test(makefile);
    assert.deepEqual(
      [...targets].filter((target) => !isThere(target)),
      [],
    );
  });
});
