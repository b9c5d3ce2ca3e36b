import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { mayInstall } from "./system-packages.ts";

describe("mayInstall", () => {
  const machine = { isRoot: true, hasApt: true, isContainer: false, isCi: false, isAsked: false };

  it("leaves somebody's own machine alone unless asked", () => {
    assert.equal(mayInstall(machine), false);
    assert.equal(mayInstall({ ...machine, isAsked: true }), true);
  });

  it("installs in a container and in continuous integration", () => {
    assert.equal(mayInstall({ ...machine, isContainer: true }), true);
    assert.equal(mayInstall({ ...machine, isCi: true }), true);
  });

  it("installs nothing without root or without apt, even when asked", () => {
    assert.equal(mayInstall({ ...machine, isAsked: true, isRoot: false }), false);
    assert.equal(mayInstall({ ...machine, isContainer: true, hasApt: false }), false);
  });
});
