import assert from "node:assert/strict";
import { test } from "node:test";
import type { PassReport } from "../../src/agent/report.ts";
import { isNews } from "../../src/program/is-news.ts";

const waiting: PassReport = {
  outcome: "deferred",
  generation: 3,
  observedGeneration: 2,
  conditions: [{ type: "Reconciling", message: "the restart budget allows it in 29 s" }],
  issues: [],
  conflicts: [],
  drift: [],
  done: [],
  restarts: [],
  inSync: false,
  ownedDirectories: [],
  inputs: [],
  durationMs: 5,
};

test("a wait that runs down is no news", () => {
  const later: PassReport = {
    ...waiting,
    conditions: [{ type: "Reconciling", message: "the restart budget allows it in 7 s" }],
  };
  assert.equal(isNews(later, waiting), false);
});

test("the first pass, a deed, another standing, another generation and a fault elsewhere are news", () => {
  const issue = {
    code: "c",
    severity: "error",
    at: { file: "f", line: 5, column: 1 },
    message: "m",
    fix: "x",
  } as const;
  const faulty = { ...waiting, issues: [issue] };
  assert.equal(isNews(waiting, undefined), true);
  assert.equal(isNews({ ...waiting, done: ["write x"] }, waiting), true);
  assert.equal(isNews({ ...waiting, conditions: [{ type: "Ready", message: "" }] }, waiting), true);
  assert.equal(isNews({ ...waiting, generation: 4 }, waiting), true);
  assert.equal(isNews({ ...faulty, issues: [{ ...issue, at: { ...issue.at, line: 6 } }] }, faulty), true);
});
