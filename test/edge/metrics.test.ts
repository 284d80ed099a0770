import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { PassReport } from "../../src/agent/report.ts";
import { listenHttp } from "../../src/edge/http-server.ts";
import { createMetrics, type Metrics } from "../../src/edge/metrics.ts";
import { promtoolSkip, runPromtool } from "../support/promtool.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function scrape(t: TestContext, metrics: Metrics): Promise<string> {
  const listeners = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes: [metrics.route],
    log: silent,
  });
  t.after(() => listeners.close());
  const response = await fetch(`http://${listeners.address}/metrics`, { headers: { connection: "close" } });
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return response.text();
}

function create(): Metrics {
  return createMetrics({ version: "1.2.3", nodeVersion: "v20.0.0" });
}

function report(changes: Partial<PassReport>): PassReport {
  return {
    outcome: "unchanged",
    generation: 1,
    observedGeneration: 1,
    conditions: [],
    issues: [],
    conflicts: [],
    drift: [],
    done: [],
    restarts: [],
    inSync: true,
    ownedDirectories: [],
    inputs: [],
    durationMs: 3,
    ...changes,
  };
}

/** The samples of our own metrics, buckets left out. */
function own(page: string): Record<string, number> {
  const lines = page.split("\n").filter((line) => /^mirrorlet_(?!.*_bucket)/.test(line));
  return Object.fromEntries(
    lines.map((line) => [line.slice(10, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
  );
}

test("everything known is there before the first pass, at 0", async (t) => {
  const samples = own(await scrape(t, create()));
  const { 'build_info{version="1.2.3",node_version="v20.0.0",containerd_version=""}': build, ...rest } =
    samples;
  assert.equal(build, 1);
  assert.deepEqual(
    Object.keys(rest).sort(),
    [
      "config_in_sync",
      "config_generation",
      "config_observed_generation",
      "config_last_applied_timestamp_seconds",
      "apply_duration_seconds_sum",
      "apply_duration_seconds_count",
      "drift_repairs_total",
      ...["config", "traces", "rollback"].flatMap((reason) =>
        ["ok", "failed"].map(
          (outcome) => `containerd_restarts_total{reason="${reason}",outcome="${outcome}"}`,
        ),
      ),
      ...["unchanged", "applied", "repaired", "deferred", "rejected", "rolled-back", "failed", "frozen"].map(
        (outcome) => `passes_total{outcome="${outcome}"}`,
      ),
      ...["Ready", "Reconciling", "Stalled", "RolledBack", "Degraded", "Contested", "Frozen"].map(
        (type) => `condition{type="${type}"}`,
      ),
    ].sort(),
  );
  assert.ok(Object.values(rest).every((value) => value === 0));
});

test("passes are counted, and the newest one is what gauges show", async (t) => {
  const metrics = create();
  metrics.recordPass(
    report({
      outcome: "rolled-back",
      generation: 8,
      observedGeneration: 7,
      inSync: false,
      conditions: [
        { type: "Stalled", message: "x" },
        { type: "RolledBack", message: "y" },
      ],
      drift: [
        { path: "/a", diff: "" },
        { path: "/b", diff: "" },
      ],
      done: ["wrote"],
      restarts: [
        { reason: "config", outcome: "failed" },
        { reason: "rollback", outcome: "ok" },
      ],
      appliedMs: 1_700_000_000_500,
      containerdVersion: "1.7.24",
      durationMs: 250,
    }),
  );
  const first = own(await scrape(t, metrics));
  metrics.recordPass(
    report({
      generation: 9,
      observedGeneration: 9,
      conditions: [{ type: "Ready", message: "" }],
      containerdVersion: "2.1.9",
    }),
  );
  const second = own(await scrape(t, metrics));
  const expected = {
    config_in_sync: [0, 1],
    config_generation: [8, 9],
    config_observed_generation: [7, 9],
    config_last_applied_timestamp_seconds: [1_700_000_000.5, 1_700_000_000.5],
    apply_duration_seconds_count: [1, 1],
    apply_duration_seconds_sum: [0.25, 0.25],
    drift_repairs_total: [2, 2],
    'containerd_restarts_total{reason="config",outcome="failed"}': [1, 1],
    'containerd_restarts_total{reason="rollback",outcome="ok"}': [1, 1],
    'passes_total{outcome="rolled-back"}': [1, 1],
    'passes_total{outcome="unchanged"}': [0, 1],
    'condition{type="Ready"}': [0, 1],
    'condition{type="Stalled"}': [1, 0],
    'condition{type="RolledBack"}': [1, 0],
    'build_info{version="1.2.3",node_version="v20.0.0",containerd_version="1.7.24"}': [1, undefined],
    'build_info{version="1.2.3",node_version="v20.0.0",containerd_version="2.1.9"}': [undefined, 1],
  };
  for (const [name, values] of Object.entries(expected)) {
    assert.deepEqual([first[name], second[name]], values, name);
  }
});

test("a reason for a restart that nobody planned does not grow the number of series", async (t) => {
  const metrics = create();
  for (let i = 0; i < 5; i++)
    metrics.recordPass(report({ restarts: [{ reason: `why ${i}`, outcome: "ok" }] }));
  const samples = own(await scrape(t, metrics));
  assert.equal(samples['containerd_restarts_total{reason="other",outcome="ok"}'], 5);
  assert.equal(Object.keys(samples).filter((name) => name.startsWith("containerd_restarts")).length, 7);
});

test("the registries in force are listed until others are", async (t) => {
  const metrics = create();
  const mirrors = ["https://mirror.example:5000"];
  metrics.recordPass(
    report({
      registries: [
        { namespace: "gcr.io", mirrors, upstream: "never" },
        { namespace: "*", mirrors, upstream: "allow" },
      ],
    }),
  );
  metrics.recordPass(report({ outcome: "failed" }));
  const listed = (samples: Record<string, number>) =>
    Object.keys(samples).filter((name) => name.startsWith("registry_info"));
  assert.deepEqual(listed(own(await scrape(t, metrics))), [
    'registry_info{registry="gcr.io",upstream="never"}',
    'registry_info{registry="*",upstream="allow"}',
  ]);
  metrics.recordPass(report({ registries: [{ namespace: "gcr.io", mirrors, upstream: "allow" }] }));
  assert.deepEqual(listed(own(await scrape(t, metrics))), [
    'registry_info{registry="gcr.io",upstream="allow"}',
  ]);
});

test("process metrics have believable values", async (t) => {
  const page = await scrape(t, create());
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1]);
  assert.ok(value("process_cpu_seconds_total") > 0.01);
  assert.ok(Math.abs(value("process_start_time_seconds") + process.uptime() - Date.now() / 1000) < 5);
  assert.ok(value("process_resident_memory_bytes") > 20e6);
  assert.ok(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
  assert.ok(value("process_open_fds") > 3);
  assert.ok(value("process_max_fds") >= value("process_open_fds"));
  assert.ok(value("nodejs_heap_size_used_bytes") > 1e6);
});

test("the page keeps the conventions: help, type, units, _total on counters only", async (t) => {
  const page = await scrape(t, create());
  const blocks = page.trim().split("\n\n");
  assert.ok(blocks.length > 10);
  for (const block of blocks) {
    const [help, type, ...samples] = block.split("\n");
    const name = /^# HELP ([a-z][a-z0-9_]*) \S.*\.$/.exec(help ?? "")?.[1];
    assert.ok(name, help);
    const kind = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(type ?? "");
    assert.equal(kind?.[1], name);
    assert.equal(name.endsWith("_total"), kind?.[2] === "counter", name);
    assert.doesNotMatch(name, /milli|micro|minutes|kilo|mega/);
    for (const sample of samples) assert.ok(sample.startsWith(name) && !/ NaN$/.test(sample), sample);
  }
});

test("promtool finds nothing to say about the page", { skip: promtoolSkip }, async (t) => {
  const checked = await runPromtool(["check", "metrics"], await scrape(t, create()));
  assert.deepEqual(checked, { code: 0, output: "" });
});
