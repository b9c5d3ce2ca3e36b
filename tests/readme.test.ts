import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "mocha";
import { findGrpcurl } from "../tools/stack/grpcurl.ts";
import { freePorts } from "../tools/stack/ports.ts";
import { namedPorts, readStackConfig } from "../tools/stack/stack-config.ts";

const rootDir = join(import.meta.dirname, "..");
const readme = readFileSync(join(rootDir, "README.md"), "utf8");

/** Variables that move the ports of the stack; the first is the gateway's. */
const portNames = namedPorts(readStackConfig({}, rootDir)).map(({ variable }) => variable);

/** A command of the README and the output it shows; none shown means any. */
interface Example {
  readonly command: string;
  readonly output: string;
}

describe("README.md", function () {
  // The first command starts everything.
  this.timeout(300_000);
  let shell: Shell;
  let dataDir: string;

  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "quartet-readme-"));
    const free = await freePorts(portNames.length);
    const ports = Object.fromEntries(portNames.map((name, index) => [name, String(free[index])]));
    shell = openShell({ ...process.env, ...ports, QUARTET_DATA_DIR: dataDir, MODE: "native" }, String(free[0]));
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
      let result = await shell.run(command);
      // What only waits and looks may look again: how long an order takes is not promised.
      for (
        let attempt = 0;
        attempt < 20 && command.startsWith("sleep ") && normalized(result.output) !== normalized(output);
      ) {
        attempt++;
        result = await shell.run(command);
      }
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

/** The commands in the README's console blocks, each with the lines that follow it. */
function examplesIn(text: string): Example[] {
  const blocks = [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .filter((part) => part !== "")
      .map((part) => {
        const [command = "", ...lines] = part.trimEnd().split("\n");
        return { command, output: lines.join("\n") };
      }),
  );
}

/** A text without what is different each time. */
function normalized(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replace(/"nextPageToken":"[\w-]+"/g, '"nextPageToken":"<token>"')
    .trim();
}

interface Shell {
  run(command: string): Promise<{ code: number; output: string }>;
  close(): void;
}

/** One bash session, as a reader has it: what a command sets, the next one sees. */
function openShell(env: NodeJS.ProcessEnv, gatewayPort: string): Shell {
  const tools = join(rootDir, ".tools", "bin");
  const path = `${tools}:${dirname(process.execPath)}:${env.PATH}`;
  const child = spawn("bash", ["--noprofile", "--norc"], { cwd: rootDir, env: { ...env, PATH: path } });
  child.stdout.setEncoding("utf8");
  let count = 0;
  return {
    run(command) {
      const end = `--- end of command ${++count} ---`;
      return new Promise((resolve) => {
        let output = "";
        const onData = (data: string) => {
          output += data;
          const found = new RegExp(`${end} (\\d+)\\n`).exec(output);
          if (found === null) return;
          child.stdout.off("data", onData);
          resolve({ code: Number(found[1]), output: output.slice(0, found.index) });
        };
        child.stdout.on("data", onData);
        child.stdin.write(`{ ${command.replaceAll("localhost:8080", `localhost:${gatewayPort}`)}\n} 2>&1 </dev/null\n`);
        child.stdin.write(`printf '%s %s\\n' '${end}' $?\n`);
      });
    },
    close: () => child.kill(),
  };
}
