import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { CONDITION_TYPES, FAILURE_KINDS, PASS_OUTCOMES, type PassReport } from "../agent/report.ts";
import { createEvidenceMetrics, type EvidenceFacts } from "./evidence-metrics.ts";
import { type FeedFacts, registerFeedMetrics } from "./feed/feed-metrics.ts";
import type { Route } from "./http-routes.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import { createRegistryInfo } from "./registry-info.ts";
import { renderSparingly } from "./rendered-body.ts";

export interface MetricsOptions {
  readonly version: string;
  readonly nodeVersion: string;
  /** What is known of pulls at the moment of a scrape. */
  readonly evidence: () => EvidenceFacts;
  /** Undefined: this node has no feed. */
  readonly feed?: (() => FeedFacts) | undefined;
}

/** What Prometheus sees of the agent. Labels are bounded: never an image, a URL or the text of an error. */
export interface Metrics {
  recordPass(report: PassReport): void;
  /** What `evidence` gives has changed otherwise than by pulls: the next scrape sees it. */
  expire(): void;
  /** `/metrics`, in the text format 0.0.4. */
  readonly route: Route;
}

/** Every known combination of labels is there from the start, at 0, so that `rate()` sees the first event. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const meters = createMeters(registry);
  startAtZero(meters);
  const setBuild = createBuildInfo(registry, options);
  const setRegistries = createRegistryInfo(registry);
  setBuild("");
  if (options.feed !== undefined) registerFeedMetrics(registry, options.feed);
  const renderEvidence = createEvidenceMetrics();
  const page = renderSparingly(async () => ({
    status: 200,
    text: `${await registry.metrics()}\n${renderEvidence(options.evidence())}`,
  }));
  return {
    recordPass(report) {
      setBuild(report.containerdVersion ?? "");
      if (report.registries !== undefined) setRegistries(report.registries);
      recordPass(meters, report);
      page.expire();
    },
    expire: page.expire,
    route: {
      path: "/metrics",
      listener: "metrics",
      handle: async ({ incoming }) => ({
        contentType: registry.contentType,
        ...(await page.get(incoming)),
      }),
    },
  };
}

const restartReasons = ["config", "traces", "rollback"];
const restartOutcomes = ["ok", "failed"];

type Meters = ReturnType<typeof createMeters>;

function createMeters(registry: Registry) {
  const meter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) => ({
    name: `mirrorlet_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
  });
  return {
    inSync: new Gauge(meter("config_in_sync", "1 when every owned file is as the desired state wants it.")),
    generation: new Gauge(meter("config_generation", "Generation of the desired state that is wanted.")),
    observedGeneration: new Gauge(
      meter("config_observed_generation", "Generation of the desired state that is in force."),
    ),
    lastApplied: new Gauge(
      meter(
        "config_last_applied_timestamp_seconds",
        "When a desired state was last put in force; 0 when never.",
      ),
    ),
    applyDuration: new Histogram({
      ...meter("apply_duration_seconds", "Duration of passes that changed something on the node."),
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    }),
    serial: new Gauge(
      meter("config_serial", "Serial of the signed desired state in force; 0 when nobody has signed it."),
    ),
    floorSerial: new Gauge(
      meter("config_floor_serial", "Lowest serial of signed desired state that is still taken; 0: any."),
    ),
    expires: new Gauge(
      meter(
        "config_expires_timestamp_seconds",
        "When the signed desired state in force expires; 0 when nobody has signed it.",
      ),
    ),
    driftRepairs: new Counter(
      meter("drift_repairs_total", "Owned files that somebody else changed and that were put right."),
    ),
    restarts: new Counter(
      meter("containerd_restarts_total", "Restarts of containerd by the agent.", ["reason", "outcome"]),
    ),
    passes: new Counter(meter("passes_total", "Passes of the reconciler.", ["outcome"])),
    failures: new Counter(meter("pass_failures_total", "Passes that failed, by what failed.", ["cause"])),
    condition: new Gauge(meter("condition", "1 while the condition is true.", ["type"])),
  };
}

function startAtZero(meters: Meters): void {
  for (const outcome of PASS_OUTCOMES) meters.passes.inc({ outcome }, 0);
  for (const cause of FAILURE_KINDS) meters.failures.inc({ cause }, 0);
  for (const type of CONDITION_TYPES) meters.condition.set({ type }, 0);
  for (const reason of restartReasons) {
    for (const outcome of restartOutcomes) meters.restarts.inc({ reason, outcome }, 0);
  }
}

function recordPass(meters: Meters, report: PassReport): void {
  meters.inSync.set(report.inSync ? 1 : 0);
  meters.generation.set(report.generation);
  meters.observedGeneration.set(report.observedGeneration);
  meters.serial.set(report.signed?.serial ?? 0);
  meters.floorSerial.set(report.signed?.floor ?? 0);
  meters.expires.set((report.signed?.expiresMs ?? 0) / 1000);
  if (report.appliedMs !== undefined) meters.lastApplied.set(report.appliedMs / 1000);
  if (report.done.length > 0) meters.applyDuration.observe(report.durationMs / 1000);
  meters.driftRepairs.inc(report.drift.length);
  meters.passes.inc({ outcome: report.outcome });
  if (report.failure !== undefined) meters.failures.inc({ cause: report.failure });
  for (const { reason, outcome } of report.restarts) {
    meters.restarts.inc({ reason: restartReasons.includes(reason) ? reason : "other", outcome });
  }
  const present = new Set(report.conditions.map(({ type }) => type));
  for (const type of CONDITION_TYPES) meters.condition.set({ type }, present.has(type) ? 1 : 0);
}

function createBuildInfo(registry: Registry, { version, nodeVersion }: MetricsOptions) {
  const build = new Gauge({
    name: "mirrorlet_build_info",
    help: "Always 1; the versions are labels. containerd_version is empty while unknown.",
    labelNames: ["version", "node_version", "containerd_version"],
    registers: [registry],
  });
  return (containerdVersion: string) => {
    build.reset();
    build.set({ version, node_version: nodeVersion, containerd_version: containerdVersion }, 1);
  };
}
