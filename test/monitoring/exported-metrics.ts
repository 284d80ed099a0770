import { readFileSync } from "node:fs";
import { Registry } from "prom-client";
import { CONDITION_TYPES, FAILURE_KINDS, PASS_OUTCOMES } from "../../src/agent/report.ts";
import { EVIDENCE_SOURCES, VERDICTS } from "../../src/core/evidence/evidence-report.ts";
import { PULL_PATHS } from "../../src/core/evidence/pull.ts";
import { CODE_CLASSES } from "../../src/core/evidence/registry-request.ts";
import { ROLLOUT_PHASES } from "../../src/core/fleet/rollout-state.ts";
import { EXPORT_OUTCOMES } from "../../src/edge/traces/trace-route.ts";
import { FLEET_GAUGES } from "../../src/fleet/metrics/fleet-gauges.ts";
import { registerFeedMetrics } from "../../src/fleet/server/feed-metrics.ts";

/** Every metric of our own with its labels: the contract with rules, dashboards and whoever reads the page. */
export const exportedMetrics: Readonly<Record<string, readonly string[]>> = {
  mirrorlet_pulls_total: ["registry", "path"],
  mirrorlet_pull_requests_total: ["registry", "host", "role", "kind", "code_class"],
  mirrorlet_pull_fallbacks_total: ["registry"],
  mirrorlet_last_mirror_pull_timestamp_seconds: ["registry"],
  mirrorlet_verdict: ["registry", "verdict"],
  mirrorlet_registry_info: ["registry", "upstream"],
  mirrorlet_evidence_source_up: ["source"],
  mirrorlet_evidence_missed_total: ["source"],
  mirrorlet_trace_exports_total: ["outcome"],
  mirrorlet_trace_spans_total: [],
  mirrorlet_probe_success: ["registry", "host"],
  mirrorlet_probe_timestamp_seconds: ["registry", "host"],
  mirrorlet_probe_duration_seconds: ["registry", "host", "phase"],
  mirrorlet_tls_not_after_timestamp_seconds: ["host"],
  mirrorlet_finding: ["code", "severity"],
  mirrorlet_config_in_sync: [],
  mirrorlet_config_generation: [],
  mirrorlet_config_observed_generation: [],
  mirrorlet_config_last_applied_timestamp_seconds: [],
  mirrorlet_config_serial: [],
  mirrorlet_config_floor_serial: [],
  mirrorlet_config_expires_timestamp_seconds: [],
  mirrorlet_apply_duration_seconds: ["le"],
  mirrorlet_drift_repairs_total: [],
  mirrorlet_containerd_restarts_total: ["reason", "outcome"],
  mirrorlet_passes_total: ["outcome"],
  mirrorlet_pass_failures_total: ["cause"],
  mirrorlet_condition: ["type"],
  mirrorlet_feed_connected: [],
  mirrorlet_feed_engine_age_seconds: [],
  mirrorlet_feed_certificate_not_after_timestamp_seconds: [],
  mirrorlet_feed_streams_total: [],
  mirrorlet_feed_answers_total: ["phase"],
  mirrorlet_build_info: ["version", "node_version", "containerd_version"],
};

/** What feed servers and controllers tell of a fleet; not all of it is asked for by rules. */
export const fleetMetrics: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(FLEET_GAUGES.map(({ name, labels }) => [`mirrorlet_fleet_${name}`, labels])),
  ...Object.fromEntries(feedServerMetrics()),
};

function feedServerMetrics(): readonly (readonly [string, readonly string[]])[] {
  const registry = new Registry();
  registerFeedMetrics(registry, { facts: () => undefined, ends: () => ({ cert: 0, ca: 0 }) });
  const metrics: readonly { readonly name: string; readonly labelNames?: readonly string[] }[] =
    registry.getMetricsAsArray();
  return metrics.map(({ name, labelNames = [] }) => [name, labelNames]);
}

/** Labels whose values are known beforehand. */
export const labelValues: Readonly<Record<string, readonly string[]>> = {
  path: PULL_PATHS,
  verdict: VERDICTS,
  source: EVIDENCE_SOURCES,
  type: CONDITION_TYPES,
  cause: FAILURE_KINDS,
  code_class: CODE_CLASSES,
  kind: ["manifest", "blob", "token"],
  role: ["mirror", "upstream"],
  upstream: ["allow", "never"],
  severity: ["error", "warning", "info"],
  /** Of passes, of restarts, and of exports of spans. */
  outcome: [...PASS_OUTCOMES, "ok", "failed", ...EXPORT_OUTCOMES],
  reason: ["config", "traces", "rollback"],
  phase: ROLLOUT_PHASES,
};

/** Names of all metrics on the golden page, which a test of its own holds to the code. */
export function namesOnPage(): readonly string[] {
  const page = readFileSync("test/golden/metrics.txt", "utf8");
  return [...page.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? "");
}
