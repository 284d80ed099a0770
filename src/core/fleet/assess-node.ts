import { shorten } from "../shorten.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { isOverdue } from "./in-flight.ts";
import type { FleetNode, NodeError, NodeStatus, Offer } from "./node-status.ts";
import { isFinal } from "./phase.ts";
import { hasRefused, mayRunNew, offerOf } from "./read-offer.ts";
import type { Rollout } from "./rollout.ts";

/**
 * What a node of a released wave means to it:
 * done: SOAKED, and it still runs the new state · failed: it said no, went back, or does badly since · silent: connected,
 * and no answer in time · suspect: told, and gone since · working: told, and there is time · waiting: connected, not told
 * yet · offline: was not there to be told · excluded: an operator has decided for it.
 */
export type Outcome =
  | "done"
  | "failed"
  | "silent"
  | "suspect"
  | "working"
  | "waiting"
  | "offline"
  | "excluded";

/** Feed servers that are not there any more, with the moment since when that is known. */
export type GoneServers = ReadonlyMap<string, number>;

/** What an assessment needs beside the rollout. */
export interface FleetView {
  /** All nodes of the inventory, and all that were ever seen. */
  readonly nodes: readonly FleetNode[];
  /** Nodes with an override. */
  readonly overridden: ReadonlySet<string>;
  readonly gone: GoneServers;
  /**
   * Nodes without a stream (`nameLeave`), with the moment since when that is known here. Absent: when they left counts as
   * it is written down, by the clocks of the servers that they left.
   */
  readonly left?: GoneServers;
  /**
   * By rollout, how long its bake has been watched, by a clock that only grows. Absent: it counts as it is written down, by
   * the clock of whoever led then.
   */
  readonly bakedMs?: ReadonlyMap<string, number>;
  /** Since when this controller has led without a gap: what did not happen before is not held against nodes. */
  readonly watchedSinceMs: number;
}

export function assessNode(rollout: Rollout, node: FleetNode, view: FleetView, nowMs: number): Outcome {
  const { status } = node;
  if (view.overridden.has(node.id) || status?.source === "pinned") return "excluded";
  if (status === undefined) return "offline";
  if (hasRefused(rollout, status)) return "failed";
  const { spec } = rollout;
  const goneMs = goneSince(status, view);
  if (isDone(rollout, status)) {
    if (hasWorsened(status)) return "failed";
    const isMissing = goneMs !== undefined && nowMs >= goneMs + spec.reportByMs;
    return isMissing && !isBackSoon(spec.reportByMs, view, nowMs) ? "suspect" : "done";
  }
  const offer = offerOf(rollout, status, "apply");
  if (offer === undefined) return goneMs === undefined ? "waiting" : "offline";
  if (isAwaited(rollout, status, offer, view, nowMs)) return "working";
  return goneMs === undefined ? "silent" : "suspect";
}

/** As `assessNode`, for taking back: waiting: it has to be told · excluded: there is nothing to take back. */
export function assessRevert(rollout: Rollout, node: FleetNode, view: FleetView, nowMs: number): Outcome {
  const { status } = node;
  if (status === undefined || view.overridden.has(node.id) || status.source === "pinned") return "excluded";
  const isGone = goneSince(status, view) !== undefined;
  const offer = offerOf(rollout, status, "revert");
  if (offer === undefined) {
    if (!mayRunNew(rollout.spec, status)) return "excluded";
    return isGone ? "offline" : "waiting";
  }
  if (isFinal(offer.phase)) return offer.phase === "soaked" ? "done" : "failed";
  if (isAwaited(rollout, status, offer, view, nowMs)) return "working";
  return isGone ? "offline" : "silent";
}

/** Nodes that have lost their server try again this often at least, and have their answers with them. */
const RECONNECT_MS = 60_000;

/** Nobody has watched for a while, or for no longer than nodes take to be back and to answer. */
export function isBackSoon(reportByMs: number, { watchedSinceMs }: FleetView, nowMs: number): boolean {
  return nowMs < watchedSinceMs + Math.max(reportByMs, RECONNECT_MS);
}

/** On a new stream, a node has told its answer after this. */
const ANSWER_MS = 10_000;

/**
 * Its answer may still come: in time, or late because there was no server, or nobody that watched. One that comes and goes
 * is not waited for without end.
 */
function isAwaited(
  { spec }: Rollout,
  status: NodeStatus,
  offer: Offer,
  view: FleetView,
  nowMs: number,
): boolean {
  const { reportByMs } = spec;
  if (!isOverdue(spec, offer, nowMs) || isBackSoon(reportByMs, view, nowMs)) return true;
  const goneMs = goneSince(status, view);
  const untilMs = goneMs === undefined ? (status.connection?.sinceMs ?? 0) + ANSWER_MS : goneMs + reportByMs;
  return nowMs < Math.min(untilMs, offer.sentMs + 2 * reportByMs);
}

/** Since when the node has no stream; undefined: it has one. */
export function goneSince(status: NodeStatus, { gone, left }: Gone): number | undefined {
  const { connection, seenMs } = status;
  return connection === undefined ? (left?.get(nameLeave(status)) ?? seenMs) : gone.get(connection.server);
}

type Gone = Pick<FleetView, "gone" | "left">;

/** Another one when the node was there in between. */
export function nameLeave({ node, seenMs }: NodeStatus): string {
  return `${node}/${seenMs}`;
}

/** Why a node is failed, silent or suspect. */
export function explainOutcome(rollout: Rollout, { status }: FleetNode, outcome: Outcome): NodeError {
  const { offer, preflight, unwell } = status ?? {};
  const { spec, state } = rollout;
  if (outcome === "silent") return silent(offer?.phase, offer?.error);
  if (outcome === "suspect")
    return { code: "lost", message: "the connection was lost after the node had been told to apply" };
  if (preflight?.rolloutId === spec.id && preflight.attempt === state.attempt && !preflight.ok)
    return preflight.error ?? { code: "preflight-failed", message: "the node gives no reason" };
  if (offer?.phase === "soaked" && unwell !== undefined)
    return {
      code: `registry-${unwell.verdict}`,
      message: "it soaked well, and pulls turned bad",
      item: unwell.namespace,
    };
  if (offer?.phase === "soaked")
    return { code: "left-again", message: "it soaked, and runs something else since" };
  return offer?.error ?? { code: offer?.phase ?? "refused", message: "the node gives no reason" };
}

function silent(phase: string | undefined, error: NodeError | undefined): NodeError {
  const heard = phase === undefined ? "nothing was heard of it" : `the last word was ${phase}`;
  const why = error === undefined ? "" : `: ${error.message}`;
  const message = shorten(`connected, and no answer in time; ${heard}${why}`, FLEET_LIMITS.message);
  return { code: "silent", message };
}

function isDone({ spec }: Rollout, { offer, running }: NodeStatus): boolean {
  return (
    offer?.rolloutId === spec.id &&
    offer.mode === "apply" &&
    offer.phase === "soaked" &&
    running?.digest === spec.to.digest
  );
}

/** Its own verdict over pulls has turned bad since it was told. */
function hasWorsened({ offer, unwell }: NodeStatus): boolean {
  return unwell !== undefined && offer?.wasUnwell !== true;
}
