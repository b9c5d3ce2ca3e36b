import { createInterface } from "node:readline";
import { createLogStream, logForm } from "./log-stream.ts";

// `docker compose logs --no-color | node tools/logs/main.ts`: the same form as `make logs` has natively. Needs no package.

// biome-ignore lint/suspicious/noControlCharactersInRegex: compose clears the line first, even without colours.
const composeLine = /^(?:\u001b\[2K)?(\S+?)-\d+ +\| ?(.*)$/;

const stream = createLogStream(
  logForm(process.env, process.stdout.isTTY === true),
  (text) => void process.stdout.write(text),
);
process.stdout.on("error", () => process.exit(0));
// As the first process of a container it would not end by a signal alone. What feeds it ends with the same Ctrl-C.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
for await (const line of createInterface({ input: process.stdin })) {
  const [, part = "compose", text = line] = composeLine.exec(line) ?? [];
  stream.add(part, text);
}
stream.flush();
