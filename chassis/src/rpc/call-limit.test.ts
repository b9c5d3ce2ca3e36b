import assert from "node:assert/strict";
import { beforeEach, describe, it } from "mocha";
import { type CallLimit, createCallLimit } from "./call-limit.ts";

const callsMax = 500;

describe("the limit of calls under way", () => {
  let time: number;
  let limit: CallLimit;
  beforeEach(() => {
    time = 0;
    limit = createCallLimit(callsMax, () => time);
    time = 5_000;
  });

  /** Lets in as many as it takes. Returns how many are under way. */
  const fill = () => {
    while (limit.enter());
    return limit.underWay;
  };
  /** Lets time pass in which so many calls end each second, in groups like those of a commit, and as many as may begin. */
  const work = (ms: number, perSecond: number, { group = 1 } = {}) => {
    let [due, endTime] = [0, time + ms];
    for (; time < endTime; time += 1) {
      due += perSecond / 1_000;
      for (; due >= group; due -= group) for (let call = 0; call < group && limit.underWay > 0; call++) limit.leave();
      fill();
    }
  };
  const isNear = (expected: number) =>
    assert.ok(Math.abs(limit.most - expected) <= 0.1 * expected, `${limit.most} is not about ${expected}`);

  it("is the most there may be while nothing is known", () => {
    assert.equal(fill(), callsMax);
    for (let call = 0; call < callsMax; call++) limit.leave();
    assert.equal(limit.underWay, 0);
    assert.equal(fill(), callsMax);
  });

  it("does not learn from the first five seconds", () => {
    time = 0;
    limit = createCallLimit(callsMax, () => time);
    work(4_999, 20);
    assert.equal(limit.most, callsMax);
    work(1_000, 20);
    assert.equal(limit.most, 16);
  });

  it("lets in what can be done within half a second, however fast that is", () => {
    for (const perSecond of [400, 200, 800, 600]) {
      work(3_000, perSecond);
      isNear(perSecond / 2);
      assert.equal(limit.underWay, limit.most);
    }
  });

  it("lets in a few however slow it is, and never more than it may", () => {
    work(5_000, 20);
    assert.equal(limit.most, 16);
    work(5_000, 5_000);
    assert.equal(limit.most, callsMax);
  });

  it("learns from calls that end in groups, also when all end at once", () => {
    work(3_000, 300, { group: 30 });
    isNear(150);
    work(5_000, 20);
    work(5_000, 640, { group: 64 });
    isNear(320);
  });

  it("does not take a quiet time for a slow one", () => {
    work(3_000, 800);
    const before = limit.most;
    while (limit.underWay > 0) limit.leave();
    for (let second = 0; second < 4; second++) {
      time += 1_000;
      for (let call = 0; call < 10; call++) limit.enter();
      while (limit.underWay > 0) limit.leave();
    }
    assert.equal(limit.most, before);
  });

  it("forgets what it learnt before a long pause", () => {
    work(3_000, 200);
    isNear(100);
    while (limit.underWay > 0) limit.leave();
    time += 6_000;
    assert.equal(fill(), callsMax);
  });

  it("keeps to less when it may be less", () => {
    limit = createCallLimit(3, () => time);
    assert.equal(fill(), 3);
    limit.leave();
    assert.equal(fill(), 3);
  });
});
