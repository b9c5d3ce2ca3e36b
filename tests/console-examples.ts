import { spawn } from "node:child_process";
import { dirname, join } from "node:path";

/** A command of a page and the output it shows; none shown means any. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

/** The commands in a page's console blocks, each with the lines that follow it. */
export function examplesIn(text: string): Example[] {
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
export function normalized(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replace(/"nextPageToken":"[\w-]+"/g, '"nextPageToken":"<token>"')
    .trim();
}

/** A bash session. */
export interface Shell {
  run(command: string): Promise<{ code: number; output: string }>;
  close(): void;
}

/** One bash session in a checkout, as a reader has it: what a command sets, the next one sees. */
export function openShell(rootDir: string, env: NodeJS.ProcessEnv, gatewayPort: string): Shell {
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

const attemptsMax = 20;

/**
 * Runs a command of a page. One that only waits and looks may look again until it sees what the page shows: how long an
 * order takes is not promised.
 */
export async function runExample(
  shell: Shell,
  { command, output }: Example,
): Promise<{ code: number; output: string }> {
  let result = await shell.run(command);
  for (let attempt = 0; attempt < attemptsMax && command.startsWith("sleep "); attempt++) {
    if (normalized(result.output) === normalized(output)) break;
    result = await shell.run(command);
  }
  return result;
}
