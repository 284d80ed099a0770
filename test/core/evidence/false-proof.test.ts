import assert from "node:assert/strict";
import { test } from "node:test";
import { type Ledger, watchRegistries } from "../../../src/core/evidence/ledger.ts";
import type { ImageObject, PullNotice } from "../../../src/core/evidence/pull.ts";
import {
  advanceLedger,
  recordHit,
  recordNotice,
  recordPull,
  recordSource,
} from "../../../src/core/evidence/record-evidence.ts";
import {
  digest,
  evidenceOf,
  gcr,
  hit,
  hitsOfBypass,
  ledgerWith,
  notice,
  T0,
  tracedPull,
} from "./support/evidence.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

function witness(ledger: Ledger, up: boolean, atMs: number, missed = 0): void {
  recordSource(ledger, { source: "witness", up, message: "", ...(missed === 0 ? {} : { missed }) }, atMs);
}

function verdictAfter(ledger: Ledger, told: PullNotice): string {
  recordNotice(ledger, told, told.endedMs);
  return evidenceOf(ledger, told.endedMs + 5 * second).verdict.name;
}

test("the silence of the witness proves nothing of pulls that began before it was there", () => {
  const cases: readonly (readonly [Partial<PullNotice>, string])[] = [
    [{ startedMs: T0 - second }, "unproven"],
    [{ startedMs: T0 + second }, "mirrored"],
    [{ firstPartMs: T0 - second }, "unproven"],
    [{ firstPartMs: T0 + second }, "mirrored"],
    [{}, "unproven"],
  ];
  for (const [times, verdict] of cases) {
    const ledger = ledgerWith();
    witness(ledger, false, T0 - minute);
    witness(ledger, true, T0);
    assert.equal(verdictAfter(ledger, notice(T0 + 5 * second, times)), verdict, JSON.stringify(times));
  }
  const ledger = ledgerWith({ up: [] });
  witness(ledger, true, T0);
  assert.equal(verdictAfter(ledger, notice(T0 + hour)), "mirrored", "no pull takes so long");
});

test("…nor of those that began before containerd read of it in our hosts.toml", () => {
  const ledger = ledgerWith();
  watchRegistries(ledger, [gcr], () => false, T0 - minute);
  watchRegistries(ledger, [gcr], () => true, T0);
  assert.equal(verdictAfter(ledger, notice(T0 + 3 * second, { startedMs: T0 - second })), "unproven");
  assert.equal(verdictAfter(ledger, notice(T0 + 9 * second, { startedMs: T0 + second })), "mirrored");
});

test("…nor of those under way when it missed something", () => {
  const ledger = ledgerWith();
  witness(ledger, true, T0, 1);
  assert.equal(verdictAfter(ledger, notice(T0 + second, { startedMs: T0 - second })), "unproven");
  witness(ledger, true, T0 + 5 * second, 1);
  const later = notice(T0 + 9 * second, { startedMs: T0 + 3 * second });
  assert.equal(verdictAfter(ledger, later), "mirrored", "a loss that is told again is none");
});

test("what it missed stays told while it is down, and counts on", () => {
  const ledger = ledgerWith();
  const missed = () => ledger.sources.get("witness")?.missed;
  assert.equal(missed(), undefined);
  witness(ledger, true, T0, 3);
  witness(ledger, false, T0 + second);
  assert.equal(missed(), 3);
  witness(ledger, true, T0 + 2 * second, 5);
  assert.equal(missed(), 5);
});

test("what it did see counts nevertheless", () => {
  const ledger = ledgerWith();
  witness(ledger, true, T0, 7);
  for (const one of hitsOfBypass(T0)) recordHit(ledger, one, T0);
  assert.equal(verdictAfter(ledger, notice(T0)), "bypassed");
});

test("two pulls of a repository at a time: each has the hits of what it fetched", () => {
  const ledger = ledgerWith();
  const blob = (letter: string): ImageObject => ({ digest: digest(letter), kind: "blob" });
  for (const one of ["b", "c"])
    recordHit(ledger, hit(T0, { method: "GET", kind: "blob", object: digest(one) }), T0);
  const tell = (tag: string, fetched: readonly ImageObject[]) =>
    recordNotice(ledger, notice(T0 + second, { reference: `gcr.io/team/app:${tag}`, fetched }), T0 + second);
  tell("1", [blob("b"), blob("1")]);
  tell("2", [blob("c"), blob("2")]);
  tell("3", [blob("3")]);
  const { pulls } = evidenceOf(ledger, T0 + 10 * second);
  assert.deepEqual([pulls.mixed, pulls.mirror], [2, 1]);
});

test("what a tool beside CRI brought from the upstream is not held against a later pull of the repository", () => {
  const ledger = ledgerWith();
  for (const one of hitsOfBypass(T0)) recordHit(ledger, one, T0);
  const fetched = [{ digest: digest("9"), kind: "manifest" }] as const;
  assert.equal(verdictAfter(ledger, notice(T0 + 10 * minute, { fetched })), "mirrored");
});

test("a trace whose beginning nobody listened to proves no mirror, but well an upstream", () => {
  const pull = { startedMs: T0 - 2 * hour };
  const mirrored = ledgerWith({ up: ["trace"] });
  recordPull(mirrored, tracedPull(T0, "mirror", pull), T0);
  const { verdict, pulls } = evidenceOf(mirrored, T0);
  assert.deepEqual([verdict.name, pulls.mirror], ["unproven", 0]);
  assert.match(verdict.message, /nobody saw/);
  const mixed = ledgerWith({ up: ["trace"] });
  recordPull(mixed, tracedPull(T0, "mixed", pull), T0);
  assert.equal(evidenceOf(mixed, T0).verdict.name, "mixed");
});

test("a clock that is set back makes no old pull newer than the latest", () => {
  for (const [before, after] of [
    ["mirror", "upstream"],
    ["upstream", "mirror"],
  ] as const) {
    const ledger = ledgerWith({ up: ["trace"] });
    advanceLedger(ledger, T0);
    recordPull(ledger, tracedPull(T0, before), T0);
    const back = T0 - 3 * hour;
    advanceLedger(ledger, back);
    recordPull(ledger, tracedPull(back + minute, after, { reference: "gcr.io/team/app:2" }), back + minute);
    const { verdict } = evidenceOf(ledger, back + 2 * minute);
    assert.equal(verdict.name, after === "mirror" ? "mirrored" : "bypassed");
    assert.ok(verdict.sinceMs <= back + 2 * minute);
  }
});
