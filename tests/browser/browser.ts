import { type Browser, chromium, type Page } from "playwright-core";
import { findChromium } from "../../tools/stack/chromium.ts";

/** Starts Chromium with an empty profile that it does not leave behind. Throws when there is none. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findChromium(process.env);
  if (executablePath === undefined) throw new Error("there is no Chromium");
  return chromium.launch({
    executablePath,
    // As root, which tests in a container are, there is no sandbox; what is opened here is our own.
    chromiumSandbox: false,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page, and what it complained about: errors on its console, exceptions, requests that failed. */
export interface WatchedPage {
  readonly page: Page;
  readonly complaints: readonly string[];
}

/** Opens an empty page. */
export async function openPage(browser: Browser): Promise<WatchedPage> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    const error = request.failure()?.errorText;
    // Chromium also says so of an answer that it may not store, when the page has read it piece by piece to its end. One
    // that was really cut fails in the page.
    if (error !== "net::ERR_ABORTED") complaints.push(`${request.method()} ${request.url()}: ${error}`);
  });
  return { page, complaints };
}

/** What Chromium itself broke off is begun again, so many times at most. */
export const attemptsMax = 10;

/**
 * Whether Chromium dropped what it had under way because an address of the machine came or went, as containers that start
 * or stop make happen. It does so with every connection, those to loopback too, and it says nothing about the shop.
 */
export function isOfNetwork(complaint: string): boolean {
  return complaint.includes("ERR_NETWORK_CHANGED");
}

/** Opens an address. */
export async function goTo(page: Page, url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const failure = await page.goto(url).then(
      () => undefined,
      (error: Error) => error,
    );
    if (failure === undefined) return;
    if (attempt === attemptsMax || !isOfNetwork(failure.message)) throw failure;
  }
}
