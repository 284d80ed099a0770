import { describeSelector, matchesSelector, type NodeIdentity } from "./selector.ts";
import type { SignedState } from "./signed-state.ts";
import type { SigningCode } from "./signing-codes.ts";

/** What a node knows by itself, whoever sends it states. */
export interface SignedNode extends NodeIdentity {
  readonly fleet: string;
  readonly channel: string;
}

export interface Standing {
  /** States of this fleet and channel below it are refused; 0: none. */
  readonly floor: number;
  /** Digest of the signed state in force; undefined: there is none. */
  readonly runningDigest: string | undefined;
  /** The node's clock; undefined: times are for somebody else to judge. */
  readonly nowMs: number | undefined;
}

/** Why a state that was truly signed is not for this node, or not now. */
export interface Judgement {
  readonly code: SigningCode;
  /** What is so and what it means, one sentence. */
  readonly message: string;
  readonly fix: string;
  /** ms since the epoch when it may be taken, where only the time stands against it. */
  readonly notBeforeMs?: number;
}

/**
 * All that stands against putting this state in force here. What is in force already does not expire: that is told, and
 * blocks what is new, for a node that loses its mirrors at a date would be worse off than one that keeps old ones.
 */
export function judgeSignedState(
  state: SignedState,
  digest: string,
  node: SignedNode,
  { floor, runningDigest, nowMs }: Standing,
): readonly Judgement[] {
  const isRunning = runningDigest === digest;
  const judgements: Judgement[] = [];
  const against = (code: SigningCode, message: string, fix: string, notBeforeMs?: number): void => {
    judgements.push({ code, message, fix, ...(notBeforeMs === undefined ? {} : { notBeforeMs }) });
  };
  if (state.fleet !== node.fleet) {
    const own = node.fleet === "" ? "this node is in none" : `this node is in ${node.fleet}`;
    against(
      "signed-fleet",
      `it is for the fleet ${state.fleet}, and ${own}`,
      "hand it to a node of that fleet",
    );
  }
  if (state.channel !== node.channel) {
    const message = `it is for the channel ${state.channel}, and this node is on ${node.channel}`;
    against("signed-channel", message, "hand it to a node on that channel");
  }
  if (!matchesSelector(state.audience, node)) {
    const message = `it is for ${describeSelector(state.audience)}, and this node is ${describeNode(node)}`;
    against(
      "signed-audience",
      message,
      "hand it to those nodes; what a node is stands in [node] of agent.toml",
    );
  }
  if (state.serial < floor) {
    const message = `its serial ${state.serial} is below ${floor}, the lowest that this node takes: a later state has closed it out`;
    against("signed-serial", message, "sign it again with a higher serial");
  }
  if (nowMs === undefined || isRunning) return judgements;
  if (state.notBeforeMs !== undefined && nowMs < state.notBeforeMs) {
    const message = `it may be used from ${time(state.notBeforeMs)} on, and this node's clock says ${time(nowMs)}`;
    against(
      "signed-not-before",
      message,
      "it is tried again then; set the clock if it is wrong",
      state.notBeforeMs,
    );
  }
  if (nowMs >= state.expiresMs) {
    const message = `it expired at ${time(state.expiresMs)}, and this node's clock says ${time(nowMs)}`;
    against("signed-expired", message, "sign it again; set the clock if it is wrong");
  }
  return judgements;
}

function describeNode({ id, labels }: SignedNode): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return `${id === "" ? "without an id" : id}, ${pairs.length === 0 ? "without labels" : `with ${pairs.join(", ")}`}`;
}

/** `2026-01-31T08:00:00Z`; a clock that shows nothing of the sort is shown as it is. */
export function time(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString().replace(/\.\d+Z$/, "Z");
}
