import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { findChromium, whyNoChromium } from "./chromium.ts";

describe("findChromium", () => {
  let folder: string;
  const command = (name: string, says: string, status = 0) => {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\necho '${says}'\nexit ${status}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-chromium-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("takes CHROMIUM_BIN, and says so when that is none", () => {
    const mine = command("mine", "Chromium 141.0");
    assert.equal(findChromium({ CHROMIUM_BIN: mine, PATH: "" }), mine);
    const other = command("other", "Firefox 9");
    assert.throws(() => findChromium({ CHROMIUM_BIN: other, PATH: "" }), /CHROMIUM_BIN=.*other is not/);
  });

  it("takes the first on PATH that is one, and no stub that only tells how to get one", () => {
    command("chromium-browser", "install the snap", 1);
    assert.equal(findChromium({ PATH: folder }), undefined);
    assert.match(whyNoChromium({ PATH: folder }) ?? "", /install the package chromium/);
    const chrome = command("google-chrome", "Google Chrome 141.0");
    assert.equal(findChromium({ PATH: folder }), chrome);
    assert.equal(whyNoChromium({ PATH: folder }), undefined);
  });
});
