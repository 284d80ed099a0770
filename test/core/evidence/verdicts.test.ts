import assert from "node:assert/strict";
import { test } from "node:test";
import { watchRegistries } from "../../../src/core/evidence/ledger.ts";
import {
  advanceLedger,
  recordNotice,
  recordPull,
  recordSource,
} from "../../../src/core/evidence/record-evidence.ts";
import { canaryNotice, evidenceOf, gcr, ledgerWith, request, T0, tracedPull } from "./support/evidence.ts";

const second = 1000;
const hour = 3_600_000;

/** The verdict of gcr.io after pulls that ended at the given seconds, each told the moment it ended. */
function verdictAfter(
  pulls: readonly (readonly [atSeconds: number, path: Parameters<typeof tracedPull>[1]])[],
) {
  const ledger = ledgerWith({ up: ["trace"] });
  for (const [at, path] of pulls) recordPull(ledger, tracedPull(T0 + at * second, path), T0 + at * second);
  return (atSeconds: number) => evidenceOf(ledger, T0 + atSeconds * second).verdict;
}

test("without a pull nothing is proven, and it says so", () => {
  const { verdict } = evidenceOf(ledgerWith(), T0 + second);
  assert.deepEqual(verdict, {
    name: "unproven",
    sinceMs: T0 - 3600 * second,
    pulls: 0,
    message: "no pull since the agent started",
  });
});

test("one worse pull turns the verdict at once", () => {
  for (const [path, name] of [
    ["upstream", "bypassed"],
    ["mixed", "mixed"],
    ["failed", "failing"],
  ] as const) {
    const verdict = verdictAfter([
      [1, "mirror"],
      [2, path],
    ]);
    assert.deepEqual([verdict(2).name, verdict(2).sinceMs], [name, T0 + 2 * second]);
  }
});

test("it gets better only with a better pull, and not before the grace period is over", () => {
  const stays = verdictAfter([[0, "upstream"]]);
  assert.equal(stays(3600).name, "bypassed");
  const early = verdictAfter([
    [0, "upstream"],
    [5, "mirror"],
    [6, "mirror"],
  ]);
  assert.equal(early(29).name, "bypassed");
  assert.deepEqual([early(30).name, early(30).sinceMs, early(30).pulls], ["mirrored", T0 + 30 * second, 2]);
  const late = verdictAfter([
    [0, "upstream"],
    [45, "mirror"],
  ]);
  assert.deepEqual([late(45).name, late(45).sinceMs, late(45).pulls], ["mirrored", T0 + 45 * second, 1]);
});

test("a mirror that fails every other pull never looks well", () => {
  const verdict = verdictAfter(
    [0, 10, 20, 30, 40].flatMap((at) => [[at, "failed"] as const, [at + 5, "mirror"] as const]),
  );
  for (const at of [45, 60, 69]) assert.equal(verdict(at).name, "failing");
  assert.equal(verdict(70).name, "mirrored");
});

test("between bad and good there are steps", () => {
  const verdict = verdictAfter([
    [0, "failed"],
    [10, "upstream"],
    [20, "mixed"],
    [25, "mirror"],
  ]);
  const names = [0, 29, 30, 39, 40, 49, 50].map((at) => verdict(at < 25 ? 25 : at).name);
  assert.deepEqual(names, ["failing", "failing", "bypassed", "bypassed", "mixed", "mixed", "mirrored"]);
});

test("since and count are those of the verdict that stands", () => {
  const verdict = verdictAfter([
    [1, "mirror"],
    [2, "mirror"],
    [3, "mirror"],
  ]);
  const { sinceMs, pulls, lastMs, source } = verdict(60);
  assert.deepEqual([sinceMs, pulls, lastMs, source], [T0 + second, 3, T0 + 3 * second, "trace"]);
  const again = verdictAfter([
    [1, "upstream"],
    [2, "upstream"],
    [40, "mirror"],
    [80, "upstream"],
  ]);
  assert.deepEqual([again(80).name, again(80).pulls], ["bypassed", 1]);
});

test("a pull that is told late counts by when it ended", () => {
  const ledger = ledgerWith({ up: ["trace"] });
  recordPull(ledger, tracedPull(T0 + 50 * second, "mirror"), T0 + 50 * second);
  recordPull(ledger, tracedPull(T0 + 10 * second, "upstream"), T0 + 55 * second);
  assert.equal(evidenceOf(ledger, T0 + 55 * second).verdict.name, "mirrored");
});

test("evidence older than a day is none, and the words say what it was", () => {
  const verdict = verdictAfter([[0, "mirror"]]);
  assert.equal(verdict(24 * 3600).name, "mirrored");
  const { name, message, sinceMs } = verdict(26 * 3600);
  assert.deepEqual([name, sinceMs], ["unproven", T0 + 24 * hour]);
  assert.match(message, /^no pull for 26 hours; then: team\/app:1\.0 came from mirrors/);
});

test("what pulls did before the mirrors changed proves nothing about the new ones", () => {
  const ledger = ledgerWith({ up: ["trace"] });
  recordPull(ledger, tracedPull(T0 + second, "upstream"), T0 + second);
  const moved = { ...gcr, mirrors: ["https://other:5000"] };
  watchRegistries(ledger, [moved], () => true, T0 + 60 * second);
  recordPull(ledger, tracedPull(T0 + 60.5 * second, "upstream"), T0 + 61 * second);
  const { verdict, pulls } = evidenceOf(ledger, T0 + 62 * second);
  assert.equal(verdict.name, "unproven");
  assert.match(verdict.message, /since these mirrors came into force/);
  assert.equal(pulls.upstream, 2, "counters go on");
});

test("a registry that goes loses its counters, one that stays keeps verdict and counters", () => {
  const quay = { ...gcr, namespace: "quay.io" };
  const ledger = ledgerWith({ watched: [gcr, quay], up: ["trace"] });
  for (const registry of ["gcr.io", "quay.io"])
    recordPull(ledger, tracedPull(T0 + second, "mirror", { registry }), T0 + second);
  watchRegistries(ledger, [gcr], () => true, T0 + 2 * second);
  watchRegistries(ledger, [gcr, quay], () => true, T0 + 3 * second);
  const [kept, fresh] = ["gcr.io", "quay.io"].map((name) => evidenceOf(ledger, T0 + 4 * second, name));
  assert.deepEqual([kept?.verdict.name, kept?.pulls.mirror], ["mirrored", 1]);
  assert.deepEqual([fresh?.verdict.name, fresh?.pulls.mirror], ["unproven", 0]);
});

test("an image that no host has counts as failed and turns nothing", () => {
  const ledger = ledgerWith({ up: ["trace"] });
  recordPull(ledger, tracedPull(T0 + second, "mirror"), T0 + second);
  recordPull(ledger, tracedPull(T0 + 2 * second, "failed", { isMissingImage: true }), T0 + 2 * second);
  const { verdict, pulls } = evidenceOf(ledger, T0 + 3 * second);
  assert.deepEqual([verdict.name, pulls.failed], ["mirrored", 1]);
});

test("a pull of a tool that brings its own host configuration counts and turns nothing", () => {
  const ledger = ledgerWith({ up: ["trace"] });
  recordPull(ledger, tracedPull(T0 + second, "upstream", { isOutsideCri: true }), T0 + second);
  const { verdict, pulls } = evidenceOf(ledger, T0 + second);
  assert.deepEqual([verdict.name, pulls.upstream], ["unproven", 1]);
});

test("a pull without an answer from anybody says nothing", () => {
  const ledger = ledgerWith({ up: ["trace"] });
  recordPull(ledger, tracedPull(T0 + second, "none"), T0 + second);
  const { verdict, pulls } = evidenceOf(ledger, T0 + second);
  assert.deepEqual([verdict.name, pulls.none], ["unproven", 1]);
});

test("a canary turns the verdict with its second failure in a row", () => {
  const ledger = ledgerWith({ up: ["witness"] });
  const at = (minutes: number) => T0 + minutes * 60 * second;
  const pullAt = (minutes: number, ok: boolean) => {
    recordNotice(ledger, canaryNotice(at(minutes), ok, ok ? {} : { error: "timed out" }), at(minutes));
    return evidenceOf(ledger, at(minutes) + 5 * second).verdict.name;
  };
  assert.equal(pullAt(0, true), "mirrored");
  assert.equal(pullAt(5, false), "mirrored");
  assert.equal(pullAt(10, true), "mirrored");
  assert.equal(pullAt(15, false), "mirrored");
  assert.equal(pullAt(20, false), "failing");
  const { verdict, pulls } = evidenceOf(ledger, at(21));
  assert.match(verdict.message, /pause:3\.9 could not be pulled: timed out/);
  assert.deepEqual([verdict.source, pulls.failed, pulls.mirror], ["canary", 3, 2]);
  assert.equal(pullAt(25, true), "mirrored");
});

test("one canary's success does not excuse another's failures", () => {
  const ledger = ledgerWith({ up: ["witness"] });
  for (let minutes = 0; minutes < 10; minutes += 5) {
    const at = T0 + minutes * 60 * second;
    recordNotice(ledger, canaryNotice(at, false, { error: "timed out" }), at);
    recordNotice(ledger, canaryNotice(at + 1, true, { repository: "b", reference: "gcr.io/b:1" }), at + 1);
    advanceLedger(ledger, at + 5 * second);
  }
  assert.equal(evidenceOf(ledger, T0 + 301 * second).verdict.name, "failing");
});

test("a canary alone shows that pulls work, and who serves them only where the upstream is closed", () => {
  const verdictWith = (upstream: "allow" | "never", isInForce: boolean) => {
    const ledger = ledgerWith({ up: [] });
    watchRegistries(ledger, [{ ...gcr, upstream }], () => isInForce, T0);
    recordNotice(ledger, canaryNotice(T0 + second, true), T0 + second);
    const { verdict } = evidenceOf(ledger, T0 + 10 * second);
    return [verdict.name, verdict.source];
  };
  assert.deepEqual(verdictWith("allow", true), ["unproven", undefined]);
  assert.deepEqual(verdictWith("never", true), ["mirrored", "canary"]);
  assert.deepEqual(verdictWith("never", false), ["unproven", undefined], "nothing has closed it yet");
});

test("the words name image, host and reason, and no secret", () => {
  const ledger = ledgerWith({ up: ["trace"] });
  const error = "Get https://user:hunter2@mirror:5000/v2/?sig=abcdef: connection refused";
  const { status: _, ...withoutStatus } = request();
  const requests = [{ ...withoutStatus, error }, request({ role: "upstream", host: "gcr.io" })];
  recordPull(ledger, tracedPull(T0 + second, "upstream", { requests }), T0 + second);
  assert.equal(
    evidenceOf(ledger, T0 + second).verdict.message,
    "team/app:1.0 came from gcr.io: mirror:5000: Get https://***@mirror:5000/v2/: connection refused",
  );
});

test("where no source can see, the reason is each source's own", () => {
  const ledger = ledgerWith({ up: [] });
  recordSource(ledger, { source: "trace", up: false, message: "another exporter is configured" }, T0);
  recordSource(ledger, { source: "witness", up: false, message: "off in agent.toml" }, T0);
  assert.equal(
    evidenceOf(ledger, T0).verdict.message,
    "no pull since the agent started, and none would be seen (trace: another exporter is configured; witness: off in agent.toml)",
  );
});
