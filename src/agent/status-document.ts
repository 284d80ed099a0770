import { type Finding, formatPlace, type Severity } from "../core/doctor/finding.ts";
import {
  assessEvidence,
  assessRegistry,
  type Health,
  type HealthStatus,
  worseOf,
} from "../core/evidence/assess-health.ts";
import type { EvidenceReport } from "../core/evidence/evidence-report.ts";
import type { RecentPull } from "../core/evidence/recent-pull.ts";
import { type Summary, summarizeEvidence } from "../core/evidence/summarize-evidence.ts";
import { describePlace, type Issue } from "../core/issue.ts";
import type { Conflict } from "../core/plan/plan-certs.ts";
import { redactSecrets } from "../core/redact-secrets.ts";
import { describeGeneration } from "./describe-generation.ts";
import type { FeedStatus } from "./feed/feed-status.ts";
import { type Condition, isReady, type PassOutcome, type PassReport, type ShownChange } from "./report.ts";
import type { SignedRecord } from "./signed-record.ts";

/** All that the agent knows about itself and its pulls: `/status.json`, the page and `mirrorlet status` show it. */
export interface StatusDocument {
  /** ms since the epoch, as all times here. */
  readonly atMs: number;
  readonly summary: Summary;
  readonly agent: { readonly version: string; readonly startedMs: number; readonly node: string };
  readonly containerd: { readonly version: string | undefined };
  /** Undefined: the first pass is not over yet. */
  readonly config: ConfigStatus | undefined;
  readonly lastChange: LastChange | undefined;
  /** Absent: this node has no feed. */
  readonly feed?: FeedStatus;
  readonly findings: readonly StatusFinding[];
  /** Of every registry in force, in the order of the desired state. */
  readonly health: readonly {
    readonly registry: string;
    readonly status: HealthStatus;
    readonly output: string;
  }[];
  readonly evidence: EvidenceReport;
  /** Newest first. */
  readonly recentPulls: readonly RecentPull[];
}

interface ConfigStatus {
  readonly outcome: PassOutcome;
  /** Wanted; 0 when it could not be read. */
  readonly generation: number;
  /** In force. */
  readonly observedGeneration: number;
  readonly inSync: boolean;
  readonly appliedMs?: number;
  /** Who has signed what is in force, and until when; absent: nobody. */
  readonly signed?: SignedRecord;
  readonly conditions: readonly Condition[];
}

/** The last pass that changed something on the node. */
export interface LastChange {
  readonly atMs: number;
  readonly outcome: PassOutcome;
  readonly generation: number;
  readonly done: readonly string[];
  readonly changed: readonly ShownChange[];
}

export interface StatusFinding {
  readonly code: string;
  readonly severity: Severity;
  /** file:line:column, or a path. */
  readonly where: string;
  readonly message: string;
  readonly fix: string;
}

export interface StatusFacts {
  readonly atMs: number;
  readonly agent: StatusDocument["agent"];
  readonly report: PassReport | undefined;
  readonly containerdVersion: string | undefined;
  readonly lastChange: LastChange | undefined;
  /** What doctor finds in the files of the node. */
  readonly found?: readonly Finding[];
  readonly feed?: FeedStatus | undefined;
  readonly evidence: EvidenceReport;
  readonly recentPulls: readonly RecentPull[];
}

export function describeStatus(facts: StatusFacts): StatusDocument {
  const { atMs, agent, report, containerdVersion, lastChange, feed, evidence, recentPulls } = facts;
  return {
    atMs,
    summary: summarize(report, evidence),
    agent,
    containerd: { version: containerdVersion },
    config: report === undefined ? undefined : configStatus(report),
    lastChange,
    ...(feed && { feed }),
    findings: listFindings(report, facts.found),
    health: evidence.registries.map((one) => ({ registry: one.namespace, ...assessRegistry(one) })),
    evidence,
    recentPulls,
  };
}

const MOST_FINDINGS = 200;

/**
 * What is wrong with the desired state or stands in its way, as far as the last pass saw, then what doctor finds in the
 * files of the node.
 */
export function listFindings(
  report: Pick<PassReport, "issues" | "conflicts"> | undefined,
  found: readonly Finding[] = [],
): readonly StatusFinding[] {
  const { issues, conflicts } = report ?? { issues: [], conflicts: [] };
  const all = [...conflicts.map(fromConflict), ...issues.map(fromIssue), ...found.map(fromFinding)];
  return all.slice(0, MOST_FINDINGS);
}

function fromConflict({ namespace, path, reason }: Conflict): StatusFinding {
  return {
    code: "conflict",
    severity: "error",
    where: path,
    message: `${namespace}: it ${reason}, so that it is left as it is`,
    fix: "remove it, or run mirrorlet apply --adopt",
  };
}

function fromIssue({ code, severity, at, message, fix }: Issue): StatusFinding {
  return {
    code,
    severity,
    where: describePlace(at),
    message: redactSecrets(message),
    fix: redactSecrets(fix),
  };
}

function fromFinding({ code, severity, where, fact, consequence, fix }: Finding): StatusFinding {
  const message = redactSecrets(`${fact}; ${consequence}`);
  return { code, severity, where: formatPlace(where), message, fix: redactSecrets(fix) };
}

/** How the configuration stands: containerd that is not well is a failure, everything else that is not Ready a warning. */
export function assessConfig(
  report: Pick<PassReport, "conditions" | "observedGeneration"> | undefined,
): Health {
  if (report === undefined) return { status: "warn", output: "the first pass is not over yet" };
  const { conditions, observedGeneration } = report;
  const expired = conditions.find(({ type }) => type === "Expired");
  if (isReady(report))
    return expired === undefined
      ? { status: "pass", output: `${describeGeneration(observedGeneration)} is in force` }
      : { status: "warn", output: `${expired.type}: ${expired.message}` };
  const output = conditions.map(({ type, message }) => `${type}: ${message}`).join("; ");
  return { status: conditions.some(({ type }) => type === "Degraded") ? "fail" : "warn", output };
}

/** The pulls first: they are what all this is for. */
function summarize(report: PassReport | undefined, evidence: EvidenceReport): Summary {
  const pulls = summarizeEvidence(evidence);
  const config = assessConfig(report);
  if (report === undefined)
    return { ...pulls, status: config.status, sentence: "Starting: the first pass is not over yet." };
  const status = worseOf(assessEvidence(evidence), config.status);
  if (config.status === "pass" || pulls.status === "fail") return { ...pulls, status };
  const trouble = `${clip(config.output)}.`;
  if (config.status === "fail") return { ...pulls, status, sentence: `containerd is not well. ${trouble}` };
  const but = isReady(report) ? trouble : `the desired state is not in force: ${trouble}`;
  return { ...pulls, status, sentence: `${pulls.sentence} But ${but}` };
}

function configStatus(report: PassReport): ConfigStatus {
  const { outcome, generation, observedGeneration, inSync, appliedMs, signed, conditions } = report;
  return {
    outcome,
    generation,
    observedGeneration,
    inSync,
    ...(appliedMs === undefined ? {} : { appliedMs }),
    ...(signed === undefined ? {} : { signed }),
    conditions,
  };
}

function clip(text: string): string {
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}
