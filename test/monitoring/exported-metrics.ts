import { CONDITION_TYPES, PASS_OUTCOMES } from "../../src/agent/report.ts";
import { EVIDENCE_SOURCES, VERDICTS } from "../../src/core/evidence/evidence-report.ts";
import { PULL_PATHS } from "../../src/core/evidence/pull.ts";
import { CODE_CLASSES } from "../../src/core/evidence/registry-request.ts";
import { createMetrics } from "../../src/edge/metrics.ts";

/** Every metric of our own with its labels: the contract with rules, dashboards and whoever reads the page. */
export const exportedMetrics: Readonly<Record<string, readonly string[]>> = {
  mirrorlet_pulls_total: ["registry", "path"],
  mirrorlet_pull_requests_total: ["registry", "host", "role", "kind", "code_class"],
  mirrorlet_pull_fallbacks_total: ["registry"],
  mirrorlet_last_mirror_pull_timestamp_seconds: ["registry"],
  mirrorlet_verdict: ["registry", "verdict"],
  mirrorlet_registry_info: ["registry", "upstream"],
  mirrorlet_evidence_source_up: ["source"],
  mirrorlet_probe_success: ["registry", "host"],
  mirrorlet_probe_timestamp_seconds: ["registry", "host"],
  mirrorlet_probe_duration_seconds: ["registry", "host", "phase"],
  mirrorlet_tls_not_after_timestamp_seconds: ["host"],
  mirrorlet_finding: ["code", "severity"],
  mirrorlet_config_in_sync: [],
  mirrorlet_config_generation: [],
  mirrorlet_config_observed_generation: [],
  mirrorlet_config_last_applied_timestamp_seconds: [],
  mirrorlet_apply_duration_seconds: ["le"],
  mirrorlet_drift_repairs_total: [],
  mirrorlet_containerd_restarts_total: ["reason", "outcome"],
  mirrorlet_passes_total: ["outcome"],
  mirrorlet_condition: ["type"],
  mirrorlet_build_info: ["version", "node_version", "containerd_version"],
};

/** Of those, the ones that no page has yet: a name goes from here once it is on it. */
export const comingMetrics: readonly string[] = [
  "mirrorlet_pulls_total",
  "mirrorlet_pull_requests_total",
  "mirrorlet_pull_fallbacks_total",
  "mirrorlet_last_mirror_pull_timestamp_seconds",
  "mirrorlet_verdict",
  "mirrorlet_evidence_source_up",
  "mirrorlet_probe_success",
  "mirrorlet_probe_timestamp_seconds",
  "mirrorlet_probe_duration_seconds",
  "mirrorlet_tls_not_after_timestamp_seconds",
  "mirrorlet_finding",
];

/** Labels whose values are known beforehand. */
export const labelValues: Readonly<Record<string, readonly string[]>> = {
  path: PULL_PATHS,
  verdict: VERDICTS,
  source: EVIDENCE_SOURCES,
  type: CONDITION_TYPES,
  code_class: CODE_CLASSES,
  kind: ["manifest", "blob", "token"],
  role: ["mirror", "upstream"],
  upstream: ["allow", "never"],
  severity: ["error", "warning", "info"],
  /** Of passes, and of restarts. */
  outcome: [...PASS_OUTCOMES, "ok", "failed"],
  reason: ["config", "rollback"],
};

/** Names of all metrics that the page of this build announces. */
export async function namesOnPage(): Promise<readonly string[]> {
  const { route } = createMetrics({ version: "0", nodeVersion: "v20.0.0" });
  const { body } = await route.handle({
    rest: "",
    query: new URLSearchParams(),
    incoming: undefined as never,
  });
  return [...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? "");
}
