import { text } from "node:stream/consumers";
import { seed } from "./seed.ts";

// The seed as a program of its own, for the container: the administrator's {email, password} as JSON on stdin, the
// gateway in GATEWAY_URL. Exits with 3 when the administrator cannot log in.

const refusedExitCode = 3;
const result = await seed({
  gatewayUrl: process.env.GATEWAY_URL ?? "http://envoy:8080",
  admin: JSON.parse(await text(process.stdin)) as { email: string; password: string },
});
if (result === "refused") {
  process.exitCode = refusedExitCode;
} else {
  console.log(`Products: ${result.created} created, ${result.present} were there`);
}
