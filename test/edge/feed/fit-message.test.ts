import assert from "node:assert/strict";
import { test } from "node:test";
import type { FeedReport, FeedState } from "../../../src/agent/feed/feed-messages.ts";
import { fitMessage } from "../../../src/edge/feed/fit-message.ts";
import { writeReport } from "../../../src/edge/feed/write-agent-message.ts";
import { loadFeedService } from "../../../src/shared/feed/load-feed-service.ts";

const DIGEST = "ab".repeat(32);
const LIMIT = 256 * 1024;
const { Sync } = await loadFeedService();

const sizeOf = (report: FeedReport): number =>
  Sync.requestSerialize({ report: writeReport(report), seq: Number.MAX_SAFE_INTEGER }).length;

const names = Array.from({ length: 256 }, (_, index) => `${"n".repeat(240)}-${index}.io`);
const longest = "語".repeat(2_000);
const error = (item: string) => ({ code: "mirror-unreachable", message: longest, item });

const STATE: FeedState = {
  floor: 3,
  rejections: Array.from({ length: 16 }, (_, index) => ({
    digest: DIGEST,
    serial: index,
    error: error("gcr.io"),
    atMs: 1,
    assignmentId: "a".repeat(512),
  })),
  source: "feed",
  registries: names.map((namespace, index) => ({
    namespace,
    verdict: index < 20 ? "failing" : "mirrored",
    evidence: "trace",
    lastPullMs: Date.now(),
  })),
  containerdVersion: "2.1.9",
  conditions: Array.from({ length: 16 }, () => ({ type: "Reconciling", message: longest })),
};

const reportWith = (changes: Partial<FeedReport>): FeedReport => ({
  assignmentId: "r1/1/preflight",
  offeredDigest: DIGEST,
  phase: "preflight-failed",
  state: STATE,
  error: error("gcr.io"),
  items: names.map((namespace) => ({ namespace, phase: "preflight-failed", error: error(namespace) })),
  atMs: 1,
  ...changes,
});

test("what fits is said as it is", () => {
  const report = reportWith({ state: { ...STATE, rejections: [], conditions: [] }, items: [] });
  assert.deepEqual(fitMessage(report, sizeOf, LIMIT), { said: report, lost: [] });
});

test("the longest that a node may have to say fits, and codes, what is wrong and what is unproven stay", () => {
  const report = reportWith({});
  assert.ok(sizeOf(report) > 4 * LIMIT);
  const { said, lost } = fitMessage(report, sizeOf, LIMIT);
  assert.ok(sizeOf(said) <= LIMIT);
  assert.deepEqual(lost.slice(0, 2), ["texts of earlier refusals", "texts of registries' errors"]);
  assert.deepEqual(
    said.items.map(({ namespace, error }) => [namespace, error?.code]),
    report.items.map(({ namespace, error }) => [namespace, error?.code]),
  );
  assert.deepEqual(said.error, report.error);
  assert.deepEqual(said.state.registries.slice(0, 20), STATE.registries.slice(0, 20));
  assert.equal(said.state.rejections.length, 16);
});

test("no more is left out than has to be", () => {
  const report = reportWith({ items: [] });
  const { said, lost } = fitMessage(report, sizeOf, sizeOf(report) - 1);
  assert.deepEqual(lost, ["texts of earlier refusals"]);
  assert.deepEqual([said.state.registries, said.state.conditions], [STATE.registries, STATE.conditions]);
});

test("where texts are not enough, what does well goes: what is wrong and what is unproven stays", () => {
  const items = names.map((namespace, index) => {
    if (index === 0) return { namespace, phase: "reverted" as const, error: error(namespace) };
    if (index === 1) return { namespace, phase: "applied" as const };
    return { namespace, phase: "observed" as const, evidence: "canary" as const };
  });
  const { said, lost } = fitMessage(reportWith({ items }), sizeOf, 64 * 1024);
  assert.ok(sizeOf(said) <= 64 * 1024);
  assert.deepEqual(lost.slice(-3), [
    "registries after the first 128",
    "registries after the first 32",
    "registries of the answer that do well",
  ]);
  assert.deepEqual(said.state.registries, STATE.registries.slice(0, 32));
  assert.deepEqual(
    said.items.map(({ namespace }) => namespace),
    names.slice(0, 2),
  );
});
