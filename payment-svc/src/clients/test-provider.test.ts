import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { ProviderUnavailableError } from "../app/ports.ts";
import { openTestProvider } from "./test-provider.ts";

describe("the test provider", () => {
  const amount = { currency: "EUR", minorUnits: 2598 };
  let folder: string;
  let provider: ReturnType<typeof openTestProvider>;

  const open = () => openTestProvider({ file: join(folder, "provider.sqlite"), now: () => 1 });
  const { signal } = new AbortController();
  const capture = (paymentToken: string, key = "k") => provider.capture({ key, amount, paymentToken, signal });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "provider-"));
    provider = open();
  });
  afterEach(() => {
    provider.close();
    rmSync(folder, { recursive: true });
  });

  it("captures once for a key and remembers it across a restart", async () => {
    assert.deepEqual(await capture("tok_visa"), { status: "CAPTURED" });
    provider.close();
    provider = open();
    assert.deepEqual(await capture("tok_declined"), { status: "CAPTURED" });
    assert.deepEqual(await provider.findCapture("k", signal), { status: "CAPTURED" });
    assert.equal(await provider.findCapture("other", signal), undefined);
  });

  it("declines when the token says so", async () => {
    const declined = { status: "DECLINED", declineCode: "card_declined" };
    assert.deepEqual(await capture("tok_declined"), declined);
    assert.deepEqual(await provider.findCapture("k", signal), declined);
  });

  it("fails as often as the token says, and does nothing meanwhile", async () => {
    await assert.rejects(capture("tok_fail_2"), ProviderUnavailableError);
    await assert.rejects(capture("tok_fail_2"), ProviderUnavailableError);
    assert.equal(await provider.findCapture("k", signal), undefined);
    assert.deepEqual(await capture("tok_fail_2"), { status: "CAPTURED" });
  });

  it("captures without an answer, and loses a call without capturing", async () => {
    await assert.rejects(capture("tok_timeout"), ProviderUnavailableError);
    assert.deepEqual(await provider.findCapture("k", signal), { status: "CAPTURED" });
    await assert.rejects(capture("tok_lost", "k2"), ProviderUnavailableError);
    assert.equal(await provider.findCapture("k2", signal), undefined);
  });

  it("captures nothing for whoever does not wait for it", async () => {
    const stop = new AbortController();
    const call = provider.capture({ key: "k", amount, paymentToken: "tok_delay_60000", signal: stop.signal });
    stop.abort();
    await assert.rejects(call, ProviderUnavailableError);
    assert.equal(await provider.findCapture("k", signal), undefined);
  });

  it("refunds once for a key, and only what was captured", async () => {
    const refund = { key: "r", captureKey: "k", amount, signal };
    await assert.rejects(provider.refund(refund));
    await capture("tok_visa");
    assert.equal(await provider.findRefund("r", signal), false);
    await provider.refund(refund);
    await provider.refund(refund);
    assert.equal(await provider.findRefund("r", signal), true);
  });
});
