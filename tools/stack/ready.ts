import { connect } from "node:net";

const probeTimeoutMs = 2_000;
const pollIntervalMs = 200;
const protocolHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
const methodFrame = 1;

/** Whether a GET of this URL is answered with 200 now. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

/** Whether an AMQP 0-9-1 broker answers at this URL: it opens the handshake, which needs no password. */
export async function brokerAnswers(url: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url);
  // A broker behind TLS is only asked for its port; the services say the rest.
  const isPlain = protocol === "amqp:";
  return await new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (isPlain ? 5672 : 5671) });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeTimeoutMs, () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
    socket.once("connect", () => (isPlain ? socket.write(protocolHeader) : settle(true)));
    socket.once("data", (data) => settle(data[0] === methodFrame));
  });
}

/** Polls a condition until it holds; resolves to false when it still does not after the limit. */
export async function waitUntil(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  intervalMs = pollIntervalMs,
): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    if (await holds()) return true;
    if (Date.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
