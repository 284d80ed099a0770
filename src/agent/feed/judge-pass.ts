import { describePlace } from "../../core/issue.ts";
import { redactSecrets } from "../../core/redact-secrets.ts";
import { isReady, type PassReport } from "../report.ts";
import type { FeedError } from "./feed-messages.ts";

/** What a pass says of the document that it was to bring into force. */
export type PassJudgement =
  | { readonly kind: "in-force" }
  /** Not yet; the agent goes on by itself. */
  | { readonly kind: "waiting"; readonly error: FeedError }
  /** Refused before anything was touched. */
  | { readonly kind: "rejected"; readonly error: FeedError }
  /** `isInForce`: what could be done is done, and has to be taken back. */
  | { readonly kind: "failed"; readonly error: FeedError; readonly isInForce: boolean };

/** Undefined: this pass was about something else. */
export function judgePass(digest: string, report: PassReport): PassJudgement | undefined {
  const { asked, outcome } = report;
  if (outcome === "frozen") return { kind: "waiting", error: fromCondition(report, "frozen") };
  if (asked === undefined) return waitingAlone(report);
  if (asked.digest !== digest) return undefined;
  if (asked.isInForce) return judgeInForce(report);
  const isGoingOn = report.retryMs !== undefined;
  switch (outcome) {
    case "rejected":
      return isGoingOn && firstError(report) === undefined
        ? { kind: "waiting", error: fromCondition(report, "preflight") }
        : { kind: "rejected", error: firstError(report) ?? fromCondition(report, "rejected") };
    case "rolled-back": {
      // It failed together with traces: the next pass tries it without them.
      const isTriedAgain = report.conditions.some(({ type }) => type === "Reconciling");
      const error = fromCondition(report, "rolled-back");
      return isTriedAgain ? { kind: "waiting", error } : { kind: "failed", error, isInForce: false };
    }
    case "failed": {
      const error = fromCondition(report, report.failure ?? "failed");
      return isGoingOn ? { kind: "waiting", error } : { kind: "failed", error, isInForce: false };
    }
    default:
      return { kind: "waiting", error: fromCondition(report, "deferred") };
  }
}

/** A pass that did not come to the point where it reads what is wanted. */
function waitingAlone(report: PassReport): PassJudgement | undefined {
  const { outcome, failure } = report;
  if (outcome !== "deferred" && outcome !== "failed") return undefined;
  return { kind: "waiting", error: fromCondition(report, failure ?? "deferred") };
}

function judgeInForce(report: PassReport): PassJudgement {
  if (isReady(report)) return { kind: "in-force" };
  const bad = report.conditions.find(({ type }) => type === "Degraded" || type === "Stalled");
  if (bad !== undefined) {
    const code =
      bad.type === "Degraded" ? "containerd-unwell" : (firstError(report)?.code ?? codeOfStall(report));
    return { kind: "failed", error: { code, message: clean(bad.message) }, isInForce: true };
  }
  return { kind: "waiting", error: fromCondition(report, "deferred") };
}

function codeOfStall({ conflicts }: PassReport): string {
  return conflicts.length > 0 ? "conflict" : "stalled";
}

function firstError({ issues }: PassReport): FeedError | undefined {
  const issue = issues.find(({ severity }) => severity === "error");
  if (issue === undefined) return undefined;
  const { code, message, fix, at } = issue;
  return { code, message: clean(`${describePlace(at)}: ${message}; ${fix}`) };
}

function fromCondition({ conditions }: PassReport, code: string): FeedError {
  const message = conditions
    .filter(({ type }) => type !== "Ready")
    .map((condition) => condition.message)
    .join("; ");
  return { code, message: clean(message) };
}

const MOST = 2000;

/** For the fleet's side: without secrets, and no longer than the contract says. */
export function clean(text: string): string {
  const redacted = redactSecrets(text);
  return redacted.length > MOST ? `${redacted.slice(0, MOST - 1)}…` : redacted;
}
