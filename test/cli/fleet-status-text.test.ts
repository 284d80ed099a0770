import assert from "node:assert/strict";
import { test } from "node:test";
import { reportNode } from "../../src/cli/fleet-node-report.ts";
import { nodeLines } from "../../src/cli/fleet-node-text.ts";
import { type FleetPicture, reportFleet, reportRollout } from "../../src/cli/fleet-report.ts";
import { rolloutLines } from "../../src/cli/fleet-rollout-text.ts";
import { formatFleetStatus, hasTrouble } from "../../src/cli/fleet-status-text.ts";
import { createPaint } from "../../src/cli/paint.ts";
import { decide } from "../../src/core/fleet/decide.ts";
import { findWave } from "../../src/core/fleet/membership.ts";
import type { RolloutState } from "../../src/core/fleet/rollout-state.ts";
import { sha256 } from "../core/fleet/support/fleet.ts";
import { bigFleet, NOW } from "./support/big-fleet.ts";

const style = (columns?: number, color = false) => ({ paint: createPaint(color), columns });
const status = (picture: FleetPicture, columns?: number, color = false) =>
  formatFleetStatus(reportFleet(picture, sha256), style(columns, color));

/** As the controller would write it. */
function haltedFleet(): FleetPicture {
  const picture = bigFleet({}, 10);
  const [channel] = picture.channels;
  const rollout = channel?.rollouts.find(({ spec }) => spec.id === "stable-8");
  assert.ok(channel && rollout);
  const waveOf = (node: Parameters<typeof findWave>[1]) => findWave(rollout.spec, node, sha256);
  const decision = decide(rollout, channel.channel, picture.view, waveOf, NOW - 60_000);
  assert.ok(decision.kind === "write");
  return bigFleet(decision.state, 10);
}

const HUGE = bigFleet();

test("ten thousand nodes fit a terminal: sums first, then what goes on, what runs, what differs", () => {
  for (const columns of [80, 120]) {
    const lines = status(HUGE, columns).trimEnd().split("\n");
    assert.deepEqual(
      lines.filter((line) => line.length > columns),
      [],
    );
    assert.ok(lines.length <= 70, `${lines.length} lines`);
    assert.match(
      lines.join(" "),
      /^prod: 9,893 of 10,000 nodes connected, a rollout goes on, up to \d+ nodes to\s+look at /,
    );
  }
  const text = status(HUGE);
  const order = [
    "stable-8: wave 3 of 5 (10-percent), waits for the nodes of this wave; brings serial 8",
    "WAVE         NODES  DONE  FAILED  LOST  UNDER WAY  TO TELL  OFFLINE",
    ">  10-percent     900",
    "308 of 9,984 done",
    "stable state of stable",
    "brought by stable-8",
    "failed        refused the new state, or went back from it: node-01960.fra.example",
    "unwell        their pulls fail, or go past the mirror: ",
    "103  gone          have no connection now: node-00013.fra.example",
    "stable-7: done, ",
    "feed servers, with their nodes: feed-1 (3,298)",
    "controller: feed-2",
  ].map((words) => [words, text.indexOf(words)] as const);
  for (const [words, at] of order) assert.ok(at >= 0, `${words} is not there:\n${text}`);
  assert.deepEqual(
    order.map(([words]) => words),
    order.toSorted((a, b) => a[1] - b[1]).map(([words]) => words),
  );
});

test("columns stand below each other, with colour as without", () => {
  const plain = status(HUGE, 80);
  const colored = status(HUGE, 80, true);
  assert.notEqual(colored, plain);
  assert.equal(colored.replace(/\u001b\[[\d;]*m/g, ""), plain);
  const lines = plain.split("\n");
  const head = lines.find((line) => line.includes("WAVE  ")) ?? "";
  const end = head.indexOf("DONE") + "DONE".length;
  const canary = lines.find((line) => line.includes(" canary ")) ?? "";
  assert.equal(canary[end - 1], "3");
});

test("a halt: how many of how many, the first error of each kind, what they have in common, and what comes next", () => {
  const report = reportRollout(haltedFleet(), "stable-8", sha256);
  assert.ok(report);
  const text = rolloutLines(report, NOW, style()).join("\n");
  for (const words of [
    /^stable-8: halted$/m,
    /halted 1 min ago \(too-many-failed\): wave 10-percent: of 885 nodes 198 did well, 28 failed/,
    /gate-failed {9}25 nodes, first node-\d+\.fra\.example: containerd did not come up/,
    /mirror-unreachable {2}3 nodes, first node-\d+\.fra\.example \(mirror-b:5000\): no connection/,
    /in common {11}class=gpu: 28 of 28 that did badly, \d+ of \d+ that did well/,
    /more may come: not all who had been told have answered yet/,
    /mirrorlet fleet rollout retry stable-8 +asks again/,
    /mirrorlet fleet rollout revert stable-8 +serial 7 again/,
    /mirrorlet fleet rollout start --supersedes stable-8 +another state/,
  ])
    assert.match(text, words);
  const narrow = rolloutLines(report, NOW, style(80));
  assert.deepEqual(
    narrow.filter((line) => line.length > 80),
    [],
  );
});

test("what a halt proposes is what its advice says, and keeps within 80 columns whatever it is called", () => {
  const picture = haltedFleet();
  const id = "registry-mirror-frankfurt-2026-11-27-second-try";
  const channels = picture.channels.map((channel) => ({
    ...channel,
    rollouts: channel.rollouts.map(({ spec, state }) => ({
      spec: { ...spec, id: spec.id === "stable-8" ? id : spec.id },
      state: { ...state, ...(state.halted && { halted: { ...state.halted, code: "unproven" as const } }) },
    })),
  }));
  const report = reportRollout({ ...picture, channels }, id, sha256);
  assert.ok(report);
  const lines = rolloutLines(report, NOW, style(80));
  assert.match(lines.join("\n"), new RegExp(`^  mirrorlet fleet rollout resume ${id}\n    goes on$`, "m"));
  const commands = lines.filter((line) => line.startsWith("  mirrorlet"));
  assert.equal(commands.length, 3);
  const long = lines.filter((line) => line.length > 80 && !commands.includes(line));
  assert.deepEqual(long, []);
});

test("words of nodes cannot move the cursor", () => {
  const evil = "x\u001b[2J\u202ey";
  const halted = (evidence: object): RolloutState =>
    ({
      phase: "halted",
      wave: 2,
      startedMs: NOW,
      attempt: 1,
      halted: { code: "too-many-failed", message: evil, atMs: NOW, wave: 2, evidence },
    }) as RolloutState;
  const error = { code: evil, count: 1, node: "n1", message: evil, item: evil };
  const factor = { name: evil, value: evil, unwell: 1, unwellOf: 1, well: 0, wellOf: 1 };
  const picture = bigFleet(halted({ errors: [error], nodes: [evil], count: 1, factors: [factor] }), 40, 100);
  assert.doesNotMatch(status(picture), /[\u001b\u202e]/);
});

test("a fleet that is well is not trouble; one that nobody leads is, as long as something is to go on", () => {
  const calm = bigFleet({ phase: "done", wave: 4 }, 40, 3);
  const at = (changes: Partial<FleetPicture>) => reportFleet({ ...calm, ...changes }, sha256);
  assert.equal(hasTrouble(at({})), false, status(calm));
  const { controller: _, ...unled } = calm;
  assert.equal(hasTrouble(reportFleet(unled, sha256)), false);
  const { controller: __, ...frozen } = bigFleet({}, 40, 3);
  assert.equal(hasTrouble(reportFleet(frozen, sha256)), true);
  assert.match(status(frozen), /frozen: no controller leads, and nothing goes on/);
  assert.equal(hasTrouble(at({ servers: [] })), true);
  assert.match(status({ ...calm, servers: [] }), /no feed server runs/);
  const clocks = (...offs: readonly (number | undefined)[]): Partial<FleetPicture> => ({
    servers: offs.map((ms, at) => ({ id: `feed-${at}`, ...(ms !== undefined && { clockOffMs: ms }) })),
  });
  assert.equal(hasTrouble(at(clocks(undefined, 61_000))), true);
  assert.match(
    status({ ...calm, ...clocks(undefined, 61_000) }).replace(/\s+/g, " "),
    /the clock of the feed server feed-1 is 1 min ahead of the controller's: rollouts stand still there/,
  );
  assert.match(
    status({ ...calm, ...clocks(-40_000, -41_000) }).replace(/\s+/g, " "),
    /the controller's clock is not that of any feed server \(feed-0's is 40 s behind the controller's\)/,
  );
  assert.match(
    status({ ...calm, ...clocks(...Array<number>(9).fill(-40_000), undefined) }),
    /and those of 1 more/,
  );
  const broken = [{ key: "/mirrorlet/prod/records/channels/x", message: "it is not JSON" }];
  assert.match(status({ ...calm, broken }), /channels\/x cannot be read, and is left out: it is not JSON/);
  assert.match(status({ ...calm, staleMs: 40_000 }), /the engine has not answered for 40 s/);
});

test("a node: what it runs, was told and said, and why it is told no more", () => {
  const picture = bigFleet();
  const show = (id: string) => {
    const report = reportNode(picture, id, sha256);
    assert.ok(report);
    return nodeLines(report, picture.view.gone, NOW, style()).join("\n");
  };
  const failed = show("node-01960.fra.example");
  for (const words of [
    /^node-01960\.fra\.example has refused it or gone back from it, and is not asked again/,
    /channel +stable$/m,
    /labels +class=gpu zone=z0$/m,
    /runs +serial 7 \(1380be1f10f4\), from the feed$/m,
    /told +apply serial 8 \(24c7679b1064\) by stable-8\/1\/apply, 3 min ago: reverted/,
    /gate-failed: containerd did not come up/,
    /rollout +stable-8: wave 3 of 5 \(10-percent\), failed$/m,
    /server +feed-\d, connected 30 min ago$/m,
    /versions +agent 0\.2\.0, containerd 2\.1\.4$/m,
  ])
    assert.match(failed, words);
  assert.match(show("node-00013.fra.example"), /^node-00013\.fra\.example has no connection since 1 h/);
  assert.match(show("node-02499.fra.example"), /is in the inventory, and has never connected/);
  assert.match(
    show("node-00077.fra.example"),
    /override +keeps what it runs; by ben@bastion, 1 min ago: disk swap/,
  );
  assert.equal(reportNode(picture, "nobody", sha256), undefined);
});
