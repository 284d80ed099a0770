/** How far a node has come with an assignment; proto/feed.proto says what each means. */
export type Phase =
  | "received"
  | "verified"
  | "rejected"
  | "held"
  | "applied"
  | "observed"
  | "soaked"
  | "failed"
  | "reverted"
  | "drifted"
  | "preflight-ok"
  | "preflight-failed";

export const PHASES: readonly [Phase, ...Phase[]] = [
  "received",
  "verified",
  "rejected",
  "held",
  "applied",
  "observed",
  "soaked",
  "failed",
  "reverted",
  "drifted",
  "preflight-ok",
  "preflight-failed",
];

/** No other phase of the same assignment follows. */
export function isFinal(phase: Phase | undefined): boolean {
  return phase === "soaked" || phase === "preflight-ok" || isRefusal(phase);
}

/** Final, and the node does not run what was assigned: it is not tried again for the same assignment. */
export function isRefusal(phase: Phase | undefined): boolean {
  return phase === "rejected" || phase === "failed" || phase === "reverted" || phase === "preflight-failed";
}

/** The node has not touched anything for the assignment yet, so that a HOLD still stops it. */
export function isUntouched(phase: Phase | undefined): boolean {
  return phase === undefined || phase === "received" || phase === "verified" || phase === "held";
}
