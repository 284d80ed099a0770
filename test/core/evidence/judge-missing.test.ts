import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { WatchedRegistry } from "../../../src/core/evidence/evidence-report.ts";
import { type Ledger, watchRegistries } from "../../../src/core/evidence/ledger.ts";
import {
  advanceLedger,
  recordHit,
  recordNotice,
  recordPull,
} from "../../../src/core/evidence/record-evidence.ts";
import { canaryNotice, evidenceOf, gcr, hit, ledgerWith, T0, tracedPull } from "./support/evidence.ts";

const second = 1000;
const minute = 60 * second;
const closed = { ...gcr, upstream: "never" as const };

interface Told {
  readonly name: string;
  readonly fate: "served" | "missing";
}

function ledgerOf(watched: WatchedRegistry = closed): Ledger {
  return ledgerWith({ watched: [watched], up: ["trace"] });
}

function tell(ledger: Ledger, atMs: number, { name, fate }: Told): void {
  const image = { repository: `team/${name}`, reference: `gcr.io/team/${name}:1` };
  const answer = { isMissingImage: true, reason: "mirror:5000 answered 404" };
  const pull =
    fate === "served"
      ? tracedPull(atMs, "mirror", image)
      : tracedPull(atMs, "failed", { ...image, ...answer });
  recordPull(ledger, pull, atMs);
}

/** One a minute. */
function tellAll(ledger: Ledger, history: readonly Told[], fromMs = T0): number {
  for (const [index, told] of history.entries()) tell(ledger, fromMs + index * minute, told);
  return fromMs + history.length * minute;
}

const missing = (...names: readonly string[]) => names.map((name): Told => ({ name, fate: "missing" }));
const served = (...names: readonly string[]) => names.map((name): Told => ({ name, fate: "served" }));
const verdictOf = (ledger: Ledger, nowMs: number) => evidenceOf(ledger, nowMs).verdict;

test("an image that came from the mirror before and is gone is told, where nobody else is asked", () => {
  const ledger = ledgerOf();
  const { name, message } = verdictOf(ledger, tellAll(ledger, [...served("a"), ...missing("a")]));
  assert.equal(name, "failing");
  assert.equal(
    message,
    "team/a:1 could not be pulled: mirror:5000 answered 404; it came from mirrors before",
  );
});

test("a mirror that has nothing any more is told with the third repository", () => {
  const ledger = ledgerOf();
  let nowMs = tellAll(ledger, [...served("old"), ...missing("a", "b", "a", "b")]);
  assert.equal(verdictOf(ledger, nowMs).name, "mirrored");
  nowMs = tellAll(ledger, missing("c"), nowMs);
  const { name, message } = verdictOf(ledger, nowMs);
  assert.equal(name, "failing");
  assert.match(message, /team\/c:1 .*; nor could images of 2 other repositories, and none was served since$/);
  nowMs = tellAll(ledger, served("d"), nowMs);
  assert.equal(verdictOf(ledger, nowMs).name, "mirrored", "it has images again");
});

test("without traces the witness alone tells of it", () => {
  const ledger = ledgerWith({ watched: [closed] });
  for (const [index, repository] of ["a", "b", "c"].entries())
    recordHit(ledger, hit(T0 + index * minute, { repository }), T0 + index * minute);
  advanceLedger(ledger, T0 + 10 * minute);
  const { verdict, pulls } = evidenceOf(ledger, T0 + 10 * minute);
  assert.deepEqual([verdict.name, verdict.source, pulls.failed], ["failing", "witness", 3]);
});

test("a canary that is gone is told with its second failure", () => {
  const ledger = ledgerWith({ watched: [closed] });
  const verdicts = [true, false, false].map((ok, index) => {
    const atMs = T0 + index * 5 * minute;
    recordNotice(ledger, canaryNotice(atMs, ok, ok ? {} : { error: "gcr.io/pause:3.9: not found" }), atMs);
    return verdictOf(ledger, atMs + minute).name;
  });
  assert.deepEqual(verdicts, ["mirrored", "mirrored", "failing"]);
});

test("what other mirrors had, or was missing long ago, is held against nobody", () => {
  const moved = ledgerOf();
  tellAll(moved, [...served("a"), ...missing("b", "c")]);
  watchRegistries(moved, [{ ...closed, mirrors: ["https://other:5000"] }], () => true, T0 + 10 * minute);
  assert.equal(verdictOf(moved, tellAll(moved, missing("a"), T0 + 11 * minute)).name, "unproven");
  const slow = ledgerOf();
  for (const [index, one] of missing("a", "b", "c").entries()) tell(slow, T0 + index * 40 * minute, one);
  assert.equal(verdictOf(slow, T0 + 121 * minute).name, "unproven");
});

const fate = fc.record({
  name: fc.constantFrom("a", "b", "c", "d"),
  fate: fc.constantFrom("served", "missing"),
});
const history = fc.array(fate as fc.Arbitrary<Told>, { maxLength: 12 });

test("property: names that mirrors never had, no more than two between pulls that go well, turn nothing", () => {
  const typos = fc.array(fc.constantFrom("typo", "tpyo"), { maxLength: 6 });
  const good = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(fc.tuple(typos, good), { maxLength: 5 }), typos, (rounds, last) => {
      const ledger = ledgerOf();
      let nowMs = T0;
      for (const [typed, pulled] of [...rounds, [last, []] as const])
        for (const told of [...missing(...typed), ...served(...pulled)]) {
          nowMs = tellAll(ledger, [told], nowMs);
          assert.notEqual(verdictOf(ledger, nowMs).name, "failing");
        }
    }),
  );
});

test("property: whatever was before, what was served and is gone, and three that are missing, are told", () => {
  fc.assert(
    fc.property(history, fc.boolean(), (before, wasServed) => {
      const ledger = ledgerOf();
      const nowMs = tellAll(ledger, before);
      const then = wasServed ? [...served("a"), ...missing("a")] : missing("x", "y", "z");
      assert.equal(verdictOf(ledger, tellAll(ledger, then, nowMs)).name, "failing");
    }),
  );
});

test("property: where the upstream may be asked, an image that nobody has turns nothing", () => {
  fc.assert(
    fc.property(history, (told) => {
      const ledger = ledgerOf(gcr);
      assert.notEqual(verdictOf(ledger, tellAll(ledger, told)).name, "failing");
    }),
  );
});
