import type { StatusFinding } from "../agent/status-document.ts";
import {
  type EvidenceReport,
  type HostProbe,
  type RegistryEvidence,
  VERDICTS,
} from "../core/evidence/evidence-report.ts";
import { PULL_PATHS } from "../core/evidence/pull.ts";
import { listRequestCounts, type RequestTally } from "../core/evidence/request-tally.ts";
import type { TraceStats } from "./traces/trace-receiver.ts";

/** What the metrics of pulls are made of. */
export interface EvidenceFacts {
  readonly report: EvidenceReport;
  /** By registry; `other` are those without a mirror. */
  readonly requests: ReadonlyMap<string, Readonly<RequestTally>>;
  readonly findings: readonly Pick<StatusFinding, "code" | "severity">[];
  readonly traces: Pick<TraceStats, "exports" | "spans">;
}

/** Pulls of namespaces that have no mirror. */
const OTHER = "other";

/**
 * Renders the metrics of pulls in the text format, version 0.0.4. By hand, and with what has not changed kept:
 * prom-client takes ten times as long for the thirty thousand series of a thousand registries. Labels come from the
 * configuration and from fixed lists. https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function createEvidenceMetrics(): (facts: EvidenceFacts) => string {
  const requestsOf = rememberRequests();
  return ({ report, requests, findings, traces }) => {
    const named = report.registries.map((one) => ({ ...one, label: label("registry", one.namespace) }));
    // The tally of a registry that really is called `other` has the same name.
    const isTaken = report.registries.some(({ namespace }) => namespace === OTHER);
    const unwatched = isTaken ? [] : [{ ...report.unwatched, label: label("registry", OTHER) }];
    const counted = [...named, ...unwatched];
    return [
      ...family("counter", "pulls_total", "Pulls by where their content came from.", counted, (one) =>
        PULL_PATHS.map((path) => sample("pulls_total", [one.label, label("path", path)], one.pulls[path])),
      ),
      ...family(
        "counter",
        "pull_requests_total",
        "Requests of containerd for pulls, as traces show them; a redirect is two.",
        [...requests],
        ([registry, tally]) => requestsOf(registry, tally),
      ),
      ...family(
        "counter",
        "pull_fallbacks_total",
        "Requests of pulls that no mirror served.",
        counted,
        (one) => [sample("pull_fallbacks_total", [one.label], one.fallbacks)],
      ),
      ...registryMetrics(named),
      ...family(
        "gauge",
        "evidence_source_up",
        "1 when the source sees what it would see.",
        report.sources,
        ({ source, up }) => [sample("evidence_source_up", [label("source", source)], up ? 1 : 0)],
      ),
      ...family(
        "counter",
        "evidence_missed_total",
        "What the source may have missed; pulls under way then are proven by others or by nobody.",
        report.sources.filter(({ source }) => source === "witness"),
        ({ source, missed }) => [sample("evidence_missed_total", [label("source", source)], missed ?? 0)],
      ),
      ...traceMetrics(traces),
      ...probeMetrics(named.flatMap(probesOf)),
      ...family(
        "gauge",
        "finding",
        "1 while something is wrong with the desired state or with what containerd reads; absent otherwise.",
        [
          ...new Set(
            findings.map(({ code, severity }) => `${label("code", code)},${label("severity", severity)}`),
          ),
        ],
        (labels) => [sample("finding", [labels], 1)],
      ),
    ].join("\n");
  };
}

interface Labelled extends RegistryEvidence {
  readonly label: string;
}

function registryMetrics(registries: readonly Labelled[]): readonly string[] {
  return [
    ...family(
      "gauge",
      "last_mirror_pull_timestamp_seconds",
      "When a pull was last served by mirrors alone; 0 when never.",
      registries,
      (one) => [
        sample("last_mirror_pull_timestamp_seconds", [one.label], (one.lastMirrorPullMs ?? 0) / 1000),
      ],
    ),
    ...family(
      "gauge",
      "verdict",
      "1 for the verdict that stands on the pulls of a registry.",
      registries,
      (one) =>
        VERDICTS.map((name) =>
          sample("verdict", [one.label, label("verdict", name)], one.verdict.name === name ? 1 : 0),
        ),
    ),
  ];
}

/** The samples of a registry, made again when one of its counts has changed. */
function rememberRequests(): (registry: string, tally: Readonly<RequestTally>) => readonly string[] {
  const known = new WeakMap<Readonly<RequestTally>, { readonly changes: number; readonly text: string }>();
  return (registry, tally) => {
    const before = known.get(tally);
    const { changes } = tally;
    const text = before?.changes === changes ? before.text : requestSamples(registry, tally).join("\n");
    known.set(tally, { changes, text });
    return text === "" ? [] : [text];
  };
}

function requestSamples(registry: string, tally: RequestTally): readonly string[] {
  return listRequestCounts(tally).map(({ host, role, kind, codeClass, count }) =>
    sample(
      "pull_requests_total",
      [
        label("registry", registry),
        label("host", host),
        label("role", role),
        label("kind", kind),
        label("code_class", codeClass),
      ],
      count,
    ),
  );
}

function traceMetrics({ exports, spans }: EvidenceFacts["traces"]): readonly string[] {
  return [
    ...family(
      "counter",
      "trace_exports_total",
      "Exports of spans by what became of them.",
      Object.entries(exports),
      ([outcome, count]) => [sample("trace_exports_total", [label("outcome", outcome)], count)],
    ),
    ...family(
      "counter",
      "trace_spans_total",
      "Spans in the exports that were accepted.",
      [spans],
      (count) => [sample("trace_spans_total", [], count)],
    ),
  ];
}

interface LabelledProbe {
  readonly labels: readonly [registry: string, host: string];
  readonly probe: HostProbe;
}

/** There is nothing to show of a host before its first probe: 0 would mean that it failed. */
function probeMetrics(probes: readonly LabelledProbe[]): readonly string[] {
  return [
    ...family(
      "gauge",
      "probe_success",
      "1 when the host answered its last probe as containerd needs it.",
      probes,
      ({ labels, probe }) => [sample("probe_success", labels, probe.ok ? 1 : 0)],
    ),
    ...family(
      "gauge",
      "probe_timestamp_seconds",
      "When the host was last probed.",
      probes,
      ({ labels, probe }) => [sample("probe_timestamp_seconds", labels, probe.atMs / 1000)],
    ),
    ...family(
      "gauge",
      "probe_duration_seconds",
      "Duration of each phase of the last probe.",
      probes,
      ({ labels, probe }) =>
        Object.entries(probe.durationsMs).map(([phase, ms]) =>
          sample("probe_duration_seconds", [...labels, label("phase", phase)], (ms ?? 0) / 1000),
        ),
    ),
    ...family(
      "gauge",
      "tls_not_after_timestamp_seconds",
      "When the first certificate of the host's chain expires.",
      [...firstExpiries(probes)],
      ([host, notAfterMs]) => [
        sample("tls_not_after_timestamp_seconds", [label("host", host)], notAfterMs / 1000),
      ],
    ),
  ];
}

/** One for each host: of two mirrors on one host, the one that fails. */
function probesOf({ label: registry, probes }: Labelled): readonly LabelledProbe[] {
  const byHost = new Map<string, HostProbe>();
  for (const probe of probes) if (byHost.get(probe.host)?.ok !== false) byHost.set(probe.host, probe);
  return [...byHost].map(([host, probe]) => ({ labels: [registry, label("host", host)], probe }));
}

function firstExpiries(probes: readonly LabelledProbe[]): ReadonlyMap<string, number> {
  const expiries = new Map<string, number>();
  for (const { probe } of probes) {
    const { host, tlsNotAfterMs } = probe;
    if (tlsNotAfterMs !== undefined)
      expiries.set(host, Math.min(expiries.get(host) ?? Infinity, tlsNotAfterMs));
  }
  return expiries;
}

/** A family without samples is left out: HELP and TYPE alone are a lint error. */
function family<T>(
  type: "counter" | "gauge",
  name: string,
  help: string,
  items: readonly T[],
  samplesOf: (item: T) => readonly string[],
): readonly string[] {
  const samples = items.flatMap(samplesOf);
  if (samples.length === 0) return [];
  return [`# HELP mirrorlet_${name} ${help}`, `# TYPE mirrorlet_${name} ${type}`, ...samples, ""];
}

function sample(name: string, labels: readonly string[], value: number): string {
  const set = labels.length === 0 ? "" : `{${labels.join(",")}}`;
  return `mirrorlet_${name}${set} ${value}`;
}

function label(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`))}"`;
}
