import assert from "node:assert/strict";
import { test } from "node:test";
import { stableFor } from "../../../src/core/fleet/channel.ts";
import type { RolloutSpec } from "../../../src/core/fleet/rollout-spec.ts";
import type { RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import { startRollout } from "../../../src/core/fleet/start-rollout.ts";
import { withStable } from "../../../src/core/fleet/with-stable.ts";
import { channelWith, NEW, OLD, OTHER, specWith, stateWith, T0 } from "./support/fleet.ts";

function start(
  spec: Partial<RolloutSpec>,
  others: readonly (readonly [Partial<RolloutSpec>, Partial<RolloutState>])[] = [],
) {
  const list = others.map(([spec, state]) => ({ spec: specWith(spec), state: stateWith(state) }));
  const result = startRollout(specWith({ id: "r2", ...spec }), channelWith(), list, T0);
  return result.ok ? result : result.messages;
}

test("a rollout begins with its preflight", () => {
  assert.deepEqual(start({}), { ok: true, state: stateWith({ phase: "preflight" }), superseded: [] });
  assert.deepEqual(start({}, [[{}, { phase: "done" }]]), {
    ok: true,
    state: stateWith({ phase: "preflight" }),
    superseded: [],
  });
});

test("one rollout for a node at a time", () => {
  const gpu = { scope: { labels: { class: ["gpu"] } } };
  assert.deepEqual(start({}, [[gpu, {}]]), [
    "the rollout r1 (waves) has nodes of the same scope (nodes with class=gpu): wait for it, or halt it and supersede it",
  ]);
  assert.deepEqual(start({}, [[gpu, { phase: "halted" }]]), [
    "the rollout r1 (halted) has nodes of the same scope (nodes with class=gpu): supersede it, or revert it first",
  ]);
  assert.ok("ok" in start({ scope: { labels: { class: ["cpu"] } } }, [[gpu, {}]]));
  assert.deepEqual(start({ id: "r1" }, [[{}, { phase: "reverted" }]]), [
    "there has been a rollout r1 already: ids are used once",
  ]);
});

test("one that was paused is not paused any more when it is superseded", () => {
  const paused = { by: "ann", reason: "", atMs: T0 };
  const supersedes = [{ id: "r1", digest: NEW.digest }];
  const begun = start({ supersedes, to: OTHER }, [[{}, { phase: "halted", paused }]]);
  assert.ok("ok" in begun);
  assert.equal(begun.superseded[0]?.state.paused, undefined);
});

test("a halted rollout ends with the one that supersedes it", () => {
  const supersedes = [{ id: "r1", digest: NEW.digest }];
  const begun = start({ supersedes, to: OTHER }, [[{}, { phase: "halted", wave: 1 }]]);
  assert.ok("ok" in begun);
  assert.deepEqual(begun.superseded, [{ id: "r1", state: stateWith({ phase: "superseded", wave: 1 }) }]);
  assert.deepEqual(start({ supersedes }, [[{}, {}]]), [
    "r1 is not halted (waves); halt it before another supersedes it",
    "the rollout r1 (waves) has nodes of the same scope (all nodes): wait for it, or halt it and supersede it",
  ]);
  assert.deepEqual(start({ supersedes }), ["r2 supersedes r1, which there is none of"]);
  assert.equal(
    (
      start({ supersedes: [{ id: "r1", digest: OLD.digest }] }, [
        [{}, { phase: "halted" }],
      ]) as readonly string[]
    )[0],
    "r1 has brought another state than r2 says",
  );
});

test("it comes from what the channel has, and goes somewhere else", () => {
  assert.deepEqual(start({ to: OLD }), [`r2 goes from ${OLD.digest.slice(0, 12)} to itself`]);
  assert.deepEqual(start({ from: OTHER }), [
    `the channel stable does not have ${OTHER.digest.slice(0, 12)} (any more), which r2 comes from`,
  ]);
  const { from: _from, ...first } = specWith({ id: "r2", onHalt: "revert" });
  const empty = channelWith();
  const refusal = startRollout(first, empty, [], T0);
  assert.deepEqual(refusal.ok ? [] : refusal.messages, [
    `the channel stable has ${OLD.digest.slice(0, 12)}: say that r2 comes from it`,
    "r2 is the first of its channel and has nothing to go back to: let onHalt be hold",
  ]);
});

test("what a rollout to a part has brought counts for that part, until one to all", () => {
  const gpu = { labels: { class: ["gpu"] } };
  const some = { labels: { class: ["gpu"], zone: ["a"] } };
  const one = withStable(withStable(channelWith(), some, OTHER), gpu, NEW);
  assert.deepEqual([one.scoped.length, one.generation, one.stable], [1, 5, OLD]);
  assert.equal(stableFor(one, { id: "x", labels: { class: "gpu" } })?.digest, NEW.digest);
  assert.equal(stableFor(one, { id: "x", labels: { class: "cpu" } })?.digest, OLD.digest);
  const narrower = withStable(one, some, OTHER);
  assert.equal(stableFor(narrower, { id: "x", labels: { class: "gpu", zone: "a" } })?.digest, OTHER.digest);
  assert.deepEqual(withStable(narrower, {}, OTHER), channelWith({ stable: OTHER, generation: 7 }));
});
