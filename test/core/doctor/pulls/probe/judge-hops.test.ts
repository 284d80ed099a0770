import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeHops } from "../../../../../src/core/doctor/pulls/probe/judge-hops.ts";
import type { Hop } from "../../../../../src/core/evidence/exchange.ts";

const NOW = Date.parse("2026-11-21T22:10:00Z");
const DAY = 86_400_000;
const hop = (more: Partial<Hop>): Hop => ({
  method: "HEAD",
  url: "https://m:5000/v2/a/manifests/1",
  status: 200,
  durationsMs: {},
  ...more,
});
const codes = (...hops: readonly Hop[]) => judgeHops(hops, NOW).map(({ code }) => code);
const lives = (fromDays: number, toDays: number, more: Partial<Hop> = {}) =>
  hop({ tlsNotBeforeMs: NOW + fromDays * DAY, tlsNotAfterMs: NOW + toDays * DAY, ...more });

test("a certificate in its last fortnight, once for each server", () => {
  const findings = judgeHops([lives(-80, 10), lives(-80, 10)], NOW);
  assert.equal(findings.length, 1);
  assert.match(findings[0]?.fact ?? "", /expires on 2026-12-01, in 10 days/);
  assert.deepEqual(codes(lives(-60, 30)), []);
});

test("one that lives for days only is renewed late by design", () => {
  assert.deepEqual(codes(lives(-1, 1)), []);
  assert.deepEqual(codes(lives(-6, 0.9)), ["server-certificate-expires-soon"]);
});

test("one that was not accepted has a finding already", () => {
  const { status: _status, ...unanswered } = lives(-80, 10);
  assert.deepEqual(codes(unanswered), []);
  assert.deepEqual(codes(lives(-80, -1)), []);
});

test("clocks that differ by more than two minutes, whatever the way takes", () => {
  assert.deepEqual(codes(hop({ clockAheadMs: -3000 })), []);
  const [ahead] = judgeHops([hop({ clockAheadMs: 600_000 })], NOW);
  assert.match(ahead?.fact ?? "", /10 minutes ahead of this node's/);
  const [behind] = judgeHops([hop({ clockAheadMs: -5 * 3_600_000 })], NOW);
  assert.match(behind?.fact ?? "", /5 hours behind/);
  // A cache may answer with the date of what it keeps.
  assert.deepEqual(codes(hop({ clockAheadMs: -600_000 }), hop({ clockAheadMs: 0 })), []);
});
