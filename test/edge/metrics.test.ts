import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { PassReport } from "../../src/agent/report.ts";
import { createLedger, type Ledger, watchRegistries } from "../../src/core/evidence/ledger.ts";
import { reportEvidence } from "../../src/core/evidence/report-evidence.ts";
import type { EvidenceFacts } from "../../src/edge/evidence-metrics.ts";
import type { FeedFacts } from "../../src/edge/feed/feed-metrics.ts";
import { listenHttp } from "../../src/edge/http-server.ts";
import { createMetrics, type Metrics } from "../../src/edge/metrics.ts";
import { NO_TRACES } from "../../src/edge/traces/trace-receiver.ts";
import { gcr, T0 } from "../core/evidence/support/evidence.ts";
import { promtoolSkip, runPromtool } from "../support/promtool.ts";
import { createTroubledLedger, REGISTRIES } from "./status-page/states.ts";

const golden = "test/golden/metrics.txt";
const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function listening(t: TestContext, metrics: Metrics): Promise<{ readonly address: string }> {
  const listeners = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes: [metrics.route],
    log: silent,
  });
  t.after(() => listeners.close());
  return listeners;
}

/** As the bytes come, which `fetch` does not show. */
async function rawGet(address: string, encoding: string) {
  const sent = request(`http://${address}/metrics`, {
    headers: { "accept-encoding": encoding },
    agent: false,
  });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { headers: response.headers, body: Buffer.concat(chunks) };
}

async function scrape(t: TestContext, metrics: Metrics): Promise<string> {
  const listeners = await listening(t, metrics);
  const response = await fetch(`http://${listeners.address}/metrics`, { headers: { connection: "close" } });
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return response.text();
}

function create(
  ledger: Ledger = createLedger(T0),
  findings: EvidenceFacts["findings"] = [],
  traces: EvidenceFacts["traces"] = NO_TRACES,
  feed?: () => FeedFacts,
): Metrics {
  return createMetrics({
    version: "1.2.3",
    nodeVersion: "v20.0.0",
    feed,
    evidence: () => ({
      report: reportEvidence(ledger, T0),
      requests: new Map(
        [["other", ledger.unwatched] as const, ...ledger.books].map(([name, { requests }]) => [
          name,
          requests,
        ]),
      ),
      findings,
      traces,
    }),
  });
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

const FEED: FeedFacts = {
  status: {
    address: "feed.example:8443",
    isConnected: true,
    sinceMs: T0 - 3_600_000,
    server: { id: "feed-1", version: "1" },
    message: "",
    engineAgeMs: 1_250,
    certificateNotAfterMs: T0 + 86_400_000,
    streams: 3,
  },
  answers: new Map([
    ["soaked", 2],
    ["reverted", 1],
  ]),
};

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
      "config_serial",
      "config_floor_serial",
      "config_expires_timestamp_seconds",
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
      ...[
        "Ready",
        "Reconciling",
        "Stalled",
        "RolledBack",
        "Degraded",
        "Contested",
        "Frozen",
        "Expired",
        "Pinned",
      ].map((type) => `condition{type="${type}"}`),
      ...["no-space", "io", "read-only", "denied", "busy", "other-device", "too-many-files"].map(
        (cause) => `pass_failures_total{cause="${cause}"}`,
      ),
      ...["interrupted", "changed", "other"].map((cause) => `pass_failures_total{cause="${cause}"}`),
      ...["mirror", "mixed", "upstream", "failed", "none"].map(
        (path) => `pulls_total{registry="other",path="${path}"}`,
      ),
      'pull_fallbacks_total{registry="other"}',
      ...["trace", "witness", "canary", "log", "probe"].map(
        (source) => `evidence_source_up{source="${source}"}`,
      ),
      'evidence_missed_total{source="witness"}',
      ...["accepted", "forbidden", "unsupported", "too-large", "invalid", "busy", "aborted"].map(
        (outcome) => `trace_exports_total{outcome="${outcome}"}`,
      ),
      "trace_spans_total",
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
      signed: {
        fleet: "prod",
        channel: "stable",
        serial: 12,
        digest: "d",
        keyIds: [],
        expiresMs: 1_800_000_000_500,
        floor: 10,
      },
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
    config_serial: [12, 0],
    config_floor_serial: [10, 0],
    config_expires_timestamp_seconds: [1_800_000_000.5, 0],
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

test("the whole page of a node in trouble is the golden one", async (t) => {
  const finding = { code: "client-expired", severity: "warning" } as const;
  const exports = { ...NO_TRACES.exports, accepted: 41, forbidden: 2 };
  const metrics = create(createTroubledLedger(), [finding], { exports, spans: 904 }, () => FEED);
  metrics.recordPass(report({ registries: REGISTRIES, containerdVersion: "1.7.24", generation: 12 }));
  // What the process is like differs from run to run.
  const page = (await scrape(t, metrics)).replace(/^((?:process|nodejs)_\S+) \S+$/gm, "$1 *");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, page);
  assert.equal(page, readFileSync(golden, "utf8"), "UPDATE_GOLDEN=1 writes it anew");
});

test("what the configuration makes possible is there at 0, hosts and all", async (t) => {
  const ledger = createLedger(T0);
  watchRegistries(ledger, REGISTRIES, () => true, T0);
  const samples = own(await scrape(t, create(ledger)));
  const names = Object.keys(samples);
  // 3 kinds and 5 classes for each mirror and each upstream that has a name.
  assert.equal(names.filter((name) => name.startsWith("pull_requests_total")).length, 15 * (5 + 3));
  assert.equal(names.filter((name) => name.startsWith("pulls_total")).length, 5 * (4 + 1));
  assert.equal(samples['verdict{registry="*",verdict="unproven"}'], 1);
  assert.equal(samples['last_mirror_pull_timestamp_seconds{registry="gcr.io"}'], 0);
  assert.deepEqual(
    names.filter((name) => name.startsWith("probe_")),
    [],
    "0 would mean that it failed",
  );
});

test("no label ever holds the name of an image, an address or the words of an error", async (t) => {
  const page = await scrape(t, create(createTroubledLedger()));
  assert.doesNotMatch(page, /checkout|nginx|sha256|https:|refused|reconciliation/);
  assert.match(page, /pulls_total\{registry="gcr\.io",path="upstream"\} 2/);
});

test("a registry that is called other, or by odd characters, breaks nothing", async (t) => {
  const ledger = createLedger(T0);
  const odd = ["other", 'quo"te', "back\\slash"].map((namespace) => ({ ...gcr, namespace }));
  watchRegistries(ledger, odd, () => true, T0);
  const page = await scrape(t, create(ledger));
  const samples = page.split("\n").filter((line) => line.startsWith("mirrorlet_pulls_total"));
  assert.equal(new Set(samples).size, samples.length);
  assert.ok(page.includes('registry="quo\\"te"') && page.includes('registry="back\\\\slash"'));
});

test("the page is packed for who takes that, and is the same page", async (t) => {
  const { address } = await listening(t, create(createTroubledLedger()));
  const get = async (encoding: string) => {
    const response = await rawGet(address, encoding);
    return { packed: response.headers["content-encoding"], body: response.body };
  };
  const withoutProcess = (page: string) => page.replace(/^(?:process|nodejs)_.*$/gm, "");
  const plain = await get("identity");
  const packed = await get("gzip, br");
  assert.deepEqual([plain.packed, packed.packed], [undefined, "gzip"]);
  assert.equal(withoutProcess(gunzipSync(packed.body).toString()), withoutProcess(plain.body.toString()));
  assert.equal((await get("gzip;q=0, br")).packed, undefined);
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
  assert.ok(value("nodejs_heap_code_bytes") > 1e4);
  assert.ok(value("nodejs_heap_code_bytes") < value("nodejs_heap_size_used_bytes"));
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
  const checked = await runPromtool(["check", "metrics"], await scrape(t, create(createTroubledLedger())));
  assert.deepEqual(checked, { code: 0, output: "" });
});
