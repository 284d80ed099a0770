import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Bundle } from "../../../src/core/fleet/bundle.ts";
import { type Channel, readChannel, stableFor } from "../../../src/core/fleet/channel.ts";
import { isWithin } from "../../../src/core/fleet/overlap.ts";
import { writeStored } from "../../../src/core/fleet/read-record.ts";
import { startRollout } from "../../../src/core/fleet/start-rollout.ts";
import { isStorable, withStable } from "../../../src/core/fleet/with-stable.ts";
import { matchesSelector, type Selector } from "../../../src/core/signing/selector.ts";
import { channelWith, NEW, OLD, OTHER, specWith, stateWith, T0 } from "./support/fleet.ts";

const cpu = { labels: { class: ["cpu"] } };
const part = (index: number): Selector => ({ labels: { rack: [`r${index}`] } });
const parts = (count: number, bundle = OTHER): Channel["scoped"] =>
  Array.from({ length: count }, (_, index) => ({ scope: part(index), ...bundle }));

test("a rollout of the whole channel is its stable state, whatever its members are", () => {
  const before = channelWith({ members: cpu, scoped: [{ scope: { nodes: ["m1"] }, ...OTHER }] });
  const after = withStable(before, cpu, NEW);
  assert.deepEqual(after, { members: cpu, stable: NEW, scoped: [], generation: 4 });
  const wider = { labels: { class: ["cpu", "gpu"] } };
  assert.deepEqual(withStable(before, wider, NEW), after);
});

test("lists of nodes that overlap leave no part behind that nobody takes from", () => {
  let channel = channelWith({ members: cpu });
  for (let count = 1; count <= 200; count++) {
    const scope = { nodes: ["m1", `z${100 + (count % 100)}`] };
    channel = withStable(channel, scope, count % 2 === 0 ? NEW : OTHER);
  }
  assert.ok(channel.scoped.length <= 2, `${channel.scoped.length} parts`);
  assert.ok(readChannel(writeStored(channel)).ok);
  assert.equal(stableFor(channel, { id: "m1", labels: {} })?.digest, NEW.digest);
  assert.equal(stableFor(channel, { id: "z103", labels: {} })?.digest, OTHER.digest);
  const back = withStable(channelWith(), { nodes: ["m1"] }, OTHER);
  assert.deepEqual(withStable(back, { nodes: ["m1"] }, OLD).scoped, [], "it has what all have");
});

test("what a node has is what the last rollout to it has brought", () => {
  const nodes = ["n1", "n2", "n3", "n4"].flatMap((id) =>
    ["cpu", "gpu"].map((class_) => ({ id, labels: { class: class_ } })),
  );
  const ids = fc.uniqueArray(fc.constantFrom("n1", "n2", "n3"), { minLength: 1, maxLength: 2 });
  const labels = fc.constantFrom(cpu.labels, { class: ["gpu"] });
  const scope: fc.Arbitrary<Selector> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ nodes: ids }) },
    { weight: 1, arbitrary: fc.record({ labels }) },
    { weight: 1, arbitrary: fc.record({ nodes: ids, labels }) },
  );
  const bundle: fc.Arbitrary<Bundle> = fc.constantFrom(OLD, NEW, OTHER);
  let joined = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(scope, bundle), { maxLength: 12 }), (steps) => {
      const channel = steps.reduce((before, [to, what]) => withStable(before, to, what), channelWith());
      if (channel.scoped.length < steps.length) joined++;
      assert.equal(channel.generation, 3 + steps.length);
      assert.ok(isStorable(channel));
      for (const node of nodes) {
        const whole = steps.findLastIndex(([to]) => isWithin({}, to));
        const last = steps.slice(whole + 1).findLast(([to]) => matchesSelector(to, node))?.[1];
        const wanted = last ?? steps[whole]?.[1] ?? OLD;
        assert.equal(stableFor(channel, node)?.digest, wanted.digest);
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(joined > 500);
});

test("a rollout that would be one part too many is refused before it begins, and one of the whole channel is not", () => {
  const channel = channelWith({ scoped: parts(64) });
  const start = (scope: Selector, before = channel, others: Parameters<typeof startRollout>[2] = []) => {
    const result = startRollout(specWith({ id: "r2", scope }), before, others, T0);
    return result.ok ? "begins" : result.messages.join("\n");
  };
  assert.match(
    start(part(64)),
    /^the channel stable has 64 parts with a state of their own, and no room for/,
  );
  assert.equal(start(part(63)), "begins");
  assert.equal(start({}), "begins");
  const almost = channelWith({ scoped: parts(63) });
  assert.equal(start(part(64), almost), "begins");
  const beside = { spec: specWith({ scope: part(65) }), state: stateWith() };
  assert.match(start(part(64), almost, [beside]), /no room for another/);
});
