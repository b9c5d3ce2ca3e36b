import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { waitUntil } from "../stack/ready.ts";
import { followFiles } from "./follow-files.ts";

const boundMs = 5_000;

describe("followFiles", () => {
  let folder: string;
  let file: string;
  let lines: string[];
  let end = () => {};
  const follow = (options: { linesMax: number; once?: boolean }) => {
    end = followFiles(() => [file], { ...options, onLine: (_, line) => lines.push(line) });
  };
  const reads = async (wanted: readonly string[]) => {
    await waitUntil(() => lines.length >= wanted.length, boundMs, 20);
    assert.deepEqual(lines, wanted);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-follow-"));
    file = join(folder, "a.log");
    lines = [];
  });
  afterEach(() => {
    end();
    rmSync(folder, { recursive: true });
  });

  it("begins with the last lines and goes on with what is added, whole lines only", async () => {
    writeFileSync(file, "one\ntwo\nthree\n");
    follow({ linesMax: 2 });
    await reads(["two", "three"]);
    appendFileSync(file, "fo");
    appendFileSync(file, "ur\nfive ☕\n");
    await reads(["two", "three", "four", "five ☕"]);
  });

  it("goes on after the file was emptied by rotation, and waits for one that is not there yet", async () => {
    follow({ linesMax: 10 });
    writeFileSync(file, "a long first line\n");
    await reads(["a long first line"]);
    truncateSync(file);
    await new Promise((resolve) => setTimeout(resolve, 150));
    appendFileSync(file, "new\n");
    await reads(["a long first line", "new"]);
  });

  it("reads everything at once and no more, when it does not follow", () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
    writeFileSync(file, `${many.join("\n")}\n`);
    follow({ linesMax: Number.POSITIVE_INFINITY, once: true });
    assert.deepEqual(lines, many);
  });
});
