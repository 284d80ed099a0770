import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { countOutRollout } from "../../../src/core/fleet/count-out-rollout.ts";
import { DEFAULT_ROLLOUT } from "../../../src/core/fleet/default-rollout.ts";
import { parseRolloutFile } from "../../../src/core/fleet/parse-rollout-file.ts";
import { writeStored } from "../../../src/core/fleet/read-record.ts";
import { readRolloutSpec } from "../../../src/core/fleet/read-rollout-spec.ts";
import { formatIssue } from "../../../src/core/issue.ts";
import { NEW, OLD, sha256, T0 } from "./support/fleet.ts";

const parse = (text: string) =>
  parseRolloutFile({ name: "rollout.yaml", bytes: new TextEncoder().encode(text) });
const HEAD = "kind: Rollout\napiVersion: mirrorlet/v1\n";
const told = (text: string): readonly string[] => parse(HEAD + text).issues.map(formatIssue);

test("an id that is too long is told how long it may be", () => {
  assert.match(
    told(`id: ${"x".repeat(64)}
`).join(),
    /id must be at most 63 letters/,
  );
});

test("a file that says nothing is the usual rollout", () => {
  assert.deepEqual(parse(HEAD), { draft: DEFAULT_ROLLOUT, issues: [] });
});

test("every key of the example is read", () => {
  const { draft, issues } = parse(readFileSync("docs/examples/fleet/rollout.yaml", "utf8"));
  assert.deepEqual(issues, []);
  assert.ok(draft);
  const { waves, ...rest } = draft;
  assert.deepEqual(rest, {
    id: "2026-11-27-zot",
    channel: "stable",
    scope: { labels: { site: ["fra", "ams"] } },
    classLabel: "class",
    preflight: { nodes: "all", maxFailed: 0, reportByMs: 180_000 },
    onHalt: "revert",
    offline: "skip",
    spreadMs: 60_000,
    soakMs: 120_000,
    reportByMs: 600_000,
    windows: [{ days: [1, 2, 3, 4], fromMinute: 480, toMinute: 960 }],
  });
  assert.deepEqual(
    waves.map(({ name, pick, bakeMs, maxBakeMs, minDone, maxFailed }) => [
      name,
      pick,
      bakeMs,
      maxBakeMs,
      minDone,
      maxFailed,
    ]),
    [
      ["canary", { kind: "perClass", count: 1 }, 600_000, 7_200_000, 1, 0],
      ["lab", { kind: "labels", labels: { zone: ["lab"] } }, 300_000, 3_600_000, 0.95, 2],
      ["10-percent", { kind: "percent", percent: 10 }, 300_000, 3_600_000, 0.95, 1],
      ["rest", { kind: "percent", percent: 100 }, 0, 3_600_000, 0.95, 1],
    ],
  );
  assert.deepEqual(
    waves.map(({ maxInFlight }) => maxInFlight),
    [20, 20, 200, 200],
  );
  assert.deepEqual(
    waves.map(({ evidence }) => evidence),
    ["one", "every", "one", "one"],
  );
});

test("a draft that was counted out is a rollout that reads back", () => {
  const facts = {
    id: "r1",
    channel: "stable",
    from: OLD,
    to: NEW,
    supersedes: [],
    createdMs: T0,
    createdBy: "ann",
  };
  const nodes = [
    { id: "n1", labels: { class: "gpu" } },
    { id: "n2", labels: {} },
  ];
  const spec = countOutRollout(DEFAULT_ROLLOUT, facts, nodes, sha256);
  assert.deepEqual(readRolloutSpec(writeStored(spec)), { ok: true, value: spec });
});

test("what is wrong is told with its place and what to write", () => {
  assert.deepEqual(told("soak: 5\nspred: 1m\n"), [
    "rollout.yaml:3:7: soak must be text, here it is a number (wrong-type)",
    'rollout.yaml:4:8: a rollout has no key "spred"; did you mean spread? (unknown-key)',
  ]);
  assert.deepEqual(told("soak: 5 minutes\n"), [
    'rollout.yaml:3:7: soak must be a duration up to 720h, as 90s or 10m, here it is "5 minutes" (rollout-value)',
  ]);
  assert.deepEqual(told("waves:\n  - pick: {percent: 5, nodes: [n1]}\n  - pick: {percent: 100}\n"), [
    "rollout.yaml:4:11: a wave picks by one of perClass, nodes, labels, percent, here by nodes and percent (rollout-value)",
  ]);
  assert.deepEqual(told("reportBy: 2m\n"), [
    "rollout.yaml:3:11: a node needs the spread and the soak together (180 s) before it can report, and would count as silent; raise the time to report (rollout-value)",
  ]);
  assert.deepEqual(told('windows: [{from: "8:00", to: "16:00"}]\n'), [
    'rollout.yaml:3:18: windows[0].from must be a time in UTC, as "08:30", here it is "8:00" (rollout-value)',
  ]);
  assert.deepEqual(told("scope: {nodes: []}\n"), [
    "rollout.yaml:3:16: scope.nodes is empty: it would mean nobody (rollout-value)",
  ]);
  assert.deepEqual(parse("id: x\n").issues.map(formatIssue), [
    "rollout.yaml:1:1: a rollout has no kind; add kind (missing-key)",
    "rollout.yaml:1:1: a rollout has no apiVersion; add apiVersion (missing-key)",
  ]);
  assert.deepEqual(parse("").issues.map(formatIssue), [
    "rollout.yaml:1:1: this is no file of a rollout: it is empty; write one document with kind: Rollout (rollout-value)",
  ]);
  assert.deepEqual(
    parse("a: [").issues.map(({ code }) => code),
    ["yaml-syntax"],
  );
});
