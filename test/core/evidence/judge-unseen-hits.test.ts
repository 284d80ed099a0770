import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Pull, WitnessHit } from "../../../src/core/evidence/pull.ts";
import { recordHit, recordPull } from "../../../src/core/evidence/record-evidence.ts";
import { digest, evidenceOf, gcr, hit, ledgerWith, request, T0, tracedPull } from "./support/evidence.ts";

const second = 1000;
const ours = "1".repeat(32);
const others = "2".repeat(32);
const blob = (letter: string) => ({ method: "GET", kind: "blob", object: digest(letter) }) as const;
const byMirror = (letter: string) => request({ ...blob(letter), atMs: T0 - 500 });
const byUpstream = (letter: string) => [
  request({ ...blob(letter), status: 404 }),
  request({ ...blob(letter), role: "witness", host: "127.0.0.1:478", status: 404 }),
  request({ ...blob(letter), role: "upstream", host: "gcr.io" }),
];

/** What is counted and said once the pulls and the hits have been told, the hits first. */
function outcome(hits: readonly WitnessHit[], ...pulls: readonly Pull[]) {
  const ledger = ledgerWith({ up: ["trace", "witness"] });
  for (const one of hits) recordHit(ledger, one, T0 + second);
  for (const pull of pulls) recordPull(ledger, pull, T0 + 2 * second);
  const { pulls: counts, fallbacks, verdict } = evidenceOf(ledger, T0 + 60 * second);
  const counted = Object.entries(counts).filter(([, count]) => count > 0);
  return { counted: Object.fromEntries(counted), fallbacks, verdict: verdict.name, message: verdict.message };
}

const mirrored = (changes: Partial<Pull> = {}) =>
  tracedPull(T0, "mirror", { traceId: ours, requests: [byMirror("b")], ...changes });

test("a blob whose spans were all dropped does not pass for one from the mirror", () => {
  const seen = hit(T0 - 400, { ...blob("c"), traceId: ours });
  const { counted, fallbacks, verdict, message } = outcome([seen], mirrored());
  assert.deepEqual([counted, fallbacks, verdict], [{ mixed: 1 }, 1, "mixed"]);
  assert.match(message, /^part of team\/app:1\.0 came from gcr\.io: no mirror served one of its blobs/);
});

test("…nor does one whose other requests the trace shows", () => {
  const head = hit(T0 - 900, { traceId: ours });
  assert.deepEqual(outcome([head], mirrored({ requests: [byMirror("b")] })).counted, { mixed: 1 });
  const part = hit(T0 - 400, { ...blob("b"), traceId: ours });
  assert.deepEqual(outcome([part], mirrored()).counted, { mixed: 1 }, "another range of the same blob");
});

test("of a pull that asked nobody as far as its trace goes, the witness alone tells", () => {
  const head = hit(T0 - 900, { traceId: ours });
  const silent = tracedPull(T0, "none", { traceId: ours });
  assert.deepEqual(outcome([head], silent).counted, { upstream: 1 });
  assert.deepEqual(outcome([], silent).counted, { none: 1 });
});

test("a pull of the same repository at the same time is not held to blame", () => {
  const seen = hit(T0 - 400, { ...blob("c"), traceId: others });
  const bypass = tracedPull(T0, "mixed", {
    traceId: others,
    reference: "gcr.io/team/app:2",
    requests: byUpstream("c"),
  });
  for (const pulls of [
    [mirrored(), bypass],
    [bypass, mirrored()],
  ])
    assert.deepEqual(outcome([seen], ...pulls).counted, { mirror: 1, mixed: 1 });
  assert.equal(outcome([seen], mirrored(), bypass).fallbacks, 1, "and the hit is counted once");
});

test("pulls of one trace come one after the other", () => {
  const seen = hit(T0 + 300, { object: "2", traceId: ours });
  assert.deepEqual(outcome([seen], mirrored()).counted, { mirror: 1 });
});

test("a hit without a trace belongs to the pull that shows it, and in doubt makes no other one a proof", () => {
  const seen = hit(T0 - 400, blob("c"));
  const bypass = tracedPull(T0, "mixed", { reference: "gcr.io/team/app:2", requests: byUpstream("c") });
  assert.deepEqual(outcome([seen], bypass, mirrored()).counted, { mirror: 1, mixed: 1 });
  assert.deepEqual(outcome([seen], mirrored(), bypass).counted, { mixed: 1 });
  const alone = outcome([seen], mirrored());
  assert.deepEqual([alone.counted, alone.verdict], [{}, "unproven"]);
  assert.match(alone.message, /nobody saw/);
  assert.deepEqual(outcome([seen], mirrored({ requests: [byMirror("c")] })).counted, { mirror: 1 });
});

test("where mirrors are for digests only, a tag at the witness is no upstream, and a blob there is", () => {
  const tag = { method: "HEAD", object: "1.0" };
  const asked = [
    request({ ...tag, role: "witness", host: "127.0.0.1:478", status: 404 }),
    request({ ...tag, role: "upstream", host: "gcr.io" }),
    byMirror("b"),
  ];
  const paths = (requests: Pull["requests"]) => {
    const ledger = ledgerWith({ watched: [{ ...gcr, pullOnly: true }], up: ["trace", "witness"] });
    recordPull(ledger, tracedPull(T0, "mixed", { requests }), T0);
    const { mirror, mixed } = evidenceOf(ledger, T0).pulls;
    return { mirror, mixed };
  };
  assert.deepEqual(paths(asked), { mirror: 1, mixed: 0 });
  const lost = request({ ...blob("c"), role: "witness", host: "127.0.0.1:478", status: 404 });
  assert.deepEqual(paths([...asked, lost]), { mirror: 0, mixed: 1 }, "who served it was not told");
});

test("property: whatever spans of concurrent pulls are lost, no pull that was passed over counts as mirrored", () => {
  const letters = ["a", "b", "c", "d"];
  const fate = fc.record({
    fromMirror: fc.subarray(letters),
    lost: fc.subarray(letters),
    endsMs: fc.integer({ min: 0, max: 900 }),
  });
  fc.assert(
    fc.property(fc.array(fate, { minLength: 1, maxLength: 5 }), fc.boolean(), (fates, named) => {
      const traceOf = (index: number) => (named ? { traceId: `${index}`.repeat(32) } : {});
      const ledger = ledgerWith({ up: ["trace", "witness"] });
      const isBeyond = ({ fromMirror }: (typeof fates)[number], letter: string) =>
        !fromMirror.includes(letter);
      for (const [index, one] of fates.entries())
        for (const letter of letters.filter((letter) => isBeyond(one, letter)))
          recordHit(ledger, hit(T0 + one.endsMs - 500, { ...blob(letter), ...traceOf(index) }), T0 + second);
      for (const [index, one] of fates.entries()) {
        const shown = letters.filter((letter) => !one.lost.includes(letter));
        const path = shown.some((letter) => isBeyond(one, letter)) ? "mixed" : "mirror";
        const requests = shown.flatMap((letter) =>
          isBeyond(one, letter) ? byUpstream(letter) : [byMirror(letter)],
        );
        const reference = `gcr.io/team/app:${index}`;
        recordPull(
          ledger,
          tracedPull(T0 + one.endsMs, path, { ...traceOf(index), reference, requests }),
          T0 + 3000,
        );
      }
      const whole = fates.filter((one) => letters.every((letter) => !isBeyond(one, letter))).length;
      const { mirror, mixed } = evidenceOf(ledger, T0 + 60 * second).pulls;
      if (named) assert.deepEqual([mirror, mixed], [whole, fates.length - whole]);
      else assert.ok(mirror <= whole);
    }),
  );
});
