import assert from "node:assert/strict";
import { test } from "node:test";
import { reportRollout } from "../../src/cli/fleet-report.ts";
import { isAtRest, progressLine, tellRolloutNews } from "../../src/cli/fleet-rollout-news.ts";
import type { RolloutState } from "../../src/core/fleet/rollout-state.ts";
import { sha256, T0 } from "../core/fleet/support/fleet.ts";
import { bigFleet, NOW } from "./support/big-fleet.ts";

function at(changes: Partial<RolloutState>, failing = 40) {
  const report = reportRollout(bigFleet(changes, failing, 1000), "stable-8", sha256);
  assert.ok(report);
  return report;
}

const wave3 = at({ wave: 2 });
const news = (before: ReturnType<typeof at> | undefined, after: ReturnType<typeof at>) =>
  tellRolloutNews(before, after, NOW);

test("the first look tells where it stands, the next one nothing where nothing has happened", () => {
  assert.deepEqual(news(undefined, wave3), [
    "stable-8: wave 3 of 5 (10-percent), waits for the nodes of this wave",
  ]);
  assert.deepEqual(news(wave3, wave3), []);
});

test("a wave that is left is told with its counts, and the next one by name", () => {
  const [left, next, ...more] = news(at({ wave: 1 }), wave3);
  assert.match(left ?? "", /^stable-8: wave 2 \(1-percent\) is done: \d+ done/);
  assert.match(next ?? "", /^stable-8: wave 3 of 5 \(10-percent\)/);
  assert.deepEqual(more, []);
});

test("nodes that fail are told as they come, a pause and a halt with who and why", () => {
  assert.match(news(wave3, at({ wave: 2 }, 10)).join(), /^stable-8: \d+ nodes failed or lost so far$/);
  const deed = { by: "ann", reason: "lunch", atMs: NOW };
  assert.match(news(wave3, at({ wave: 2, paused: deed })).join(), /wave 3 of 5 \(10-percent\), paused$/);
  const evidence = { errors: [], nodes: [], count: 0, factors: [] };
  const halted = { code: "operator", message: "halted by ann: smoke", atMs: NOW, wave: 2, evidence } as const;
  assert.deepEqual(news(wave3, at({ phase: "halted", wave: 2, halted })), [
    "stable-8: halted",
    "stable-8: operator: halted by ann: smoke",
  ]);
});

test("progress is that of the wave, and full only when all is done", () => {
  assert.match(
    progressLine(wave3, NOW),
    /^stable-8 3\/5 10-percent \[#+-+\] +\d+ % {2}\d+ done, .*\d+ under way, \d+ to tell/,
  );
  const asked = at({ phase: "preflight", startedMs: T0 });
  assert.match(
    progressLine(asked, NOW),
    /^stable-8 preflight \[[#-]{20}\] +\d+ % {2}0 would work, 0 would not$/,
  );
});

test("it is at rest when it is over, or halted and nobody is under way any more", () => {
  assert.equal(isAtRest(wave3), false);
  assert.equal(isAtRest(at({ phase: "done" })), true);
  const evidence = { errors: [], nodes: [], count: 0, factors: [] };
  const halted = { code: "too-many-failed", message: "x", atMs: NOW, wave: 2, evidence } as const;
  assert.equal(isAtRest(at({ phase: "halted", wave: 2, halted })), false);
  const { wave: _, ...inPreflight } = halted;
  assert.equal(isAtRest(at({ phase: "halted", wave: 0, halted: inPreflight })), true);
});
