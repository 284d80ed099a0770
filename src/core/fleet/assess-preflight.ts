import { matchesSelector } from "../signing/selector.ts";
import { type FleetView, goneSince, isBackSoon } from "./assess-node.ts";
import type { UnwellNode } from "./gather-evidence.ts";
import type { FleetNode, NodeStatus } from "./node-status.ts";
import { offerOf } from "./read-offer.ts";
import type { Rollout } from "./rollout.ts";

export interface PreflightAssessment {
  readonly ok: readonly FleetNode[];
  /** Said no, or nothing in time. */
  readonly failed: readonly UnwellNode[];
  /** Still to be asked, or to answer. */
  readonly pending: number;
  /** Of these, those that have been asked. */
  readonly asked: number;
  /** Connected, and not asked in all the time there was. */
  readonly unheard: number;
}

/** Why a preflight has failed. */
export function describePreflight({ ok, failed }: PreflightAssessment): string {
  return `${failed.length} of ${ok.length + failed.length} nodes say that it would not work there, or say nothing`;
}

/** Nodes without a connection are not asked, and neither are those for which an operator has decided. */
export function assessPreflight(rollout: Rollout, view: FleetView, nowMs: number): PreflightAssessment {
  const ok: FleetNode[] = [];
  const failed: UnwellNode[] = [];
  let [pending, asked, unheard] = [0, 0, 0];
  for (const node of view.nodes) {
    if (!matchesSelector(rollout.spec.scope, node)) continue;
    const answer = readAnswer(rollout, node, view, nowMs);
    if (answer === "ok") ok.push(node);
    else if (answer === "asked" || answer === "unasked") {
      pending++;
      if (answer === "asked") asked++;
    } else if (answer === "unheard") unheard++;
    else if (answer !== undefined) failed.push({ node, error: answer });
  }
  return { ok, failed, pending, asked, unheard };
}

function readAnswer(
  rollout: Rollout,
  { id, status }: FleetNode,
  view: FleetView,
  nowMs: number,
): "ok" | "asked" | "unasked" | "unheard" | UnwellNode["error"] | undefined {
  if (status === undefined || status.source === "pinned" || view.overridden.has(id)) return undefined;
  const { spec, state } = rollout;
  const { preflight } = status;
  if (preflight?.rolloutId === spec.id && preflight.attempt === state.attempt)
    return preflight.ok
      ? "ok"
      : (preflight.error ?? { code: "preflight-failed", message: "no reason given" });
  if (goneSince(status, view) !== undefined) return undefined;
  const offer = offerOf(rollout, status, "preflight");
  if (offer === undefined) return mayBeAsked(rollout, status, view, nowMs) ? "unasked" : "unheard";
  const { reportByMs } = spec.preflight;
  if (nowMs < offer.sentMs + reportByMs || isBackSoon(reportByMs, view, nowMs)) return "asked";
  return { code: "silent", message: "connected, and no answer to the preflight in time" };
}

/** A node that could not even be asked in twice the time is left to its wave, and keeps nobody waiting. */
function mayBeAsked(
  { spec, state }: Rollout,
  { connection }: NodeStatus,
  { watchedSinceMs }: FleetView,
  nowMs: number,
): boolean {
  const sinceMs = Math.max(state.startedMs, watchedSinceMs, connection?.sinceMs ?? 0);
  return nowMs < sinceMs + 2 * spec.preflight.reportByMs;
}
