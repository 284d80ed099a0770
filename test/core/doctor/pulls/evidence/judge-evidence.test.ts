import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeEvidence } from "../../../../../src/core/doctor/pulls/evidence/judge-evidence.ts";
import type {
  EvidenceReport,
  RegistryEvidence,
  SourceState,
  VerdictName,
} from "../../../../../src/core/evidence/evidence-report.ts";
import type { RecentPull } from "../../../../../src/core/evidence/recent-pull.ts";
import { CERTS_D, CONFIG, goodConfig, viewOf } from "../../../../support/doctored-node.ts";

const AT = Date.parse("2026-11-21T22:10:00Z");
const NO_PULLS = { mirror: 0, mixed: 0, upstream: 0, failed: 0, none: 0 };
const UP: readonly SourceState[] = [
  { source: "trace", up: true, message: "" },
  { source: "witness", up: true, message: "" },
];
const view = await viewOf(
  { [CONFIG]: goodConfig("2.1.9"), [`${CERTS_D}/gcr.io/hosts.toml`]: '[host."https://mirror.corp"]\n' },
  "2.1.9",
);

function registry(name: VerdictName, more: Partial<RegistryEvidence> = {}): RegistryEvidence {
  return {
    namespace: "gcr.io",
    mirrors: ["https://mirror.corp/v2"],
    upstream: "allow",
    verdict: {
      name,
      sinceMs: AT - 60_000,
      pulls: 3,
      message: "mirror.corp: connection refused",
      ...(name === "unproven" ? {} : { source: "trace" as const, lastMs: AT }),
    },
    pulls: NO_PULLS,
    fallbacks: 0,
    probes: [],
    ...more,
  };
}

function judge(
  registries: readonly RegistryEvidence[],
  { sources = UP, pulls = [] }: { sources?: readonly SourceState[]; pulls?: readonly RecentPull[] } = {},
) {
  const report: EvidenceReport = {
    atMs: AT,
    sources,
    registries,
    unwatched: { pulls: NO_PULLS, fallbacks: 0 },
    recentFallbacks: [],
  };
  return judgeEvidence(report, pulls, view);
}

test("what is mirrored, or was not pulled at all, is no finding", () => {
  assert.deepEqual(judge([registry("mirrored"), registry("unproven")]), []);
});

test("bypassed, mixed, failing: with the reason, the last time, and what the files want", () => {
  const cases = [
    ["bypassed", "pulls-bypass-mirror", "error"],
    ["mixed", "pulls-partly-upstream", "warning"],
    ["failing", "pulls-fail", "error"],
  ] as const;
  for (const [name, code, severity] of cases) {
    const [finding, ...more] = judge([registry(name)]);
    assert.deepEqual(more, []);
    assert.deepEqual([finding?.code, finding?.severity], [code, severity]);
    assert.match(
      finding?.fact ?? "",
      /since 2026-11-21T22:09:00Z, last at 2026-11-21T22:10:00Z: mirror\.corp: connection refused/,
    );
    assert.match(
      finding?.consequence ?? "",
      /although by the files pulls of gcr\.io ask https:\/\/mirror\.corp, then/,
    );
  }
});

test("a mirror that has come back makes it a warning", () => {
  const [finding] = judge([registry("bypassed", { recoveredMs: AT })]);
  assert.equal(finding?.severity, "warning");
  assert.match(finding.fact, /answers probes again/);
});

test("pulls that nobody saw the way of", () => {
  const [finding] = judge([registry("unproven", { pulls: { ...NO_PULLS, upstream: 2 } })]);
  assert.deepEqual([finding?.code, finding?.severity], ["pulls-without-proof", "info"]);
});

const limited = (reason: string, namespace = "docker.io"): RecentPull => ({
  source: "trace",
  registry: namespace,
  repository: "library/nginx",
  startedMs: AT - 1000,
  endedMs: AT,
  path: "failed",
  reason,
  hosts: [],
});

test("429 of the registry itself, while it has a mirror", () => {
  const hub = registry("mirrored", { namespace: "docker.io" });
  const reason = "mirror.corp answered 404; registry-1.docker.io answered 429";
  const [finding, ...more] = judge([hub], { pulls: [limited(reason), limited(reason)] });
  assert.deepEqual(more, []);
  assert.deepEqual([finding?.code, finding?.severity], ["upstream-limits-rate", "error"]);
  assert.match(
    finding?.fact ?? "",
    /registry-1\.docker\.io answered 429 in 2 pulls, last at 2026-11-21T22:10:00Z/,
  );
  assert.deepEqual(judge([hub], { pulls: [limited("mirror.corp answered 429")] }), []);
  assert.deepEqual(judge([registry("mirrored")], { pulls: [limited(reason)] }), [], "it has no mirror");
});

test("sources: one that proves is enough, and to be off is a choice", () => {
  const down = (message: string) => UP.map((source): SourceState => ({ ...source, up: false, message }));
  const [finding, ...more] = judge([registry("mirrored")], {
    sources: down("no span of containerd has come yet"),
  });
  assert.deepEqual(more, []);
  assert.deepEqual([finding?.code, finding?.severity], ["evidence-source-down", "warning"]);
  const [first, second] = UP;
  assert.ok(first && second);
  const one = [{ ...first, up: false, message: "1.6 has no spans of pulls" }, second];
  assert.deepEqual(judge([registry("mirrored")], { sources: one }), []);
  assert.deepEqual(judge([registry("mirrored")], { sources: down("switched off in agent.toml") }), []);
  assert.deepEqual(judge([], { sources: down("not started") }), []);
});
