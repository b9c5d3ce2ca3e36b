import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { ProviderUnavailableError, RefundRefusedError } from "../app/ports.ts";
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

  const refund = (key: string, minorUnits = 2598, currency = "EUR") =>
    provider.refund({ key, captureKey: "k", amount: { currency, minorUnits }, signal });

  it("refunds once for a key, and only what was captured", async () => {
    await assert.rejects(refund("r"), /nothing was captured as k/);
    await capture("tok_declined");
    await assert.rejects(refund("r"), /nothing was captured as k/);
    assert.equal(await provider.findRefund("r", signal), undefined);
  });

  it("refunds in parts, and never more than it captured", async () => {
    await capture("tok_visa");
    await capture("tok_visa", "k2");
    assert.equal(await refund("r1", 2000), 2000);
    assert.equal(await refund("r1", 2000), 2000);
    assert.equal(await refund("r1", 1), 2000, "what was asked for the first time");
    await assert.rejects(refund("r2", 599), new RefundRefusedError("more would be refunded than was captured as k"));
    await assert.rejects(refund("r2", 1, "USD"), /more would be refunded/);
    assert.equal(await provider.findRefund("r2", signal), undefined);
    provider.close();
    provider = open();
    await assert.rejects(refund("r2", 599), /more would be refunded/);
    await refund("r2", 598);
    assert.equal(await provider.findRefund("r2", signal), 598);
    assert.deepEqual(await provider.findRefunds("k", signal), [
      { key: "r1", amountMinor: 2000 },
      { key: "r2", amountMinor: 598 },
    ]);
    assert.deepEqual(await provider.findRefunds("k2", signal), []);
  });

  it("refunds as the token of the capture says, and captures at once", async () => {
    assert.deepEqual(await capture("tok_refund_fail_1"), { status: "CAPTURED" });
    await assert.rejects(refund("r1", 1), ProviderUnavailableError);
    assert.equal(await provider.findRefund("r1", signal), undefined);
    await refund("r1", 1);
    assert.equal(await provider.findRefund("r1", signal), 1);
  });

  it("refunds without an answer, loses a call without refunding, and refunds nothing that nobody waits for", async () => {
    const refundOf = (captureKey: string, waiting = signal) =>
      provider.refund({ key: `r of ${captureKey}`, captureKey, amount, signal: waiting });
    for (const trouble of ["timeout", "lost", "delay_60000"]) await capture(`tok_refund_${trouble}`, trouble);
    await assert.rejects(refundOf("timeout"), ProviderUnavailableError);
    assert.equal(await provider.findRefund("r of timeout", signal), amount.minorUnits);
    await assert.rejects(refundOf("lost"), ProviderUnavailableError);
    assert.equal(await provider.findRefund("r of lost", signal), undefined);
    const stop = new AbortController();
    const slow = refundOf("delay_60000", stop.signal);
    stop.abort();
    await assert.rejects(slow, ProviderUnavailableError);
    assert.equal(await provider.findRefund("r of delay_60000", signal), undefined);
  });
});
