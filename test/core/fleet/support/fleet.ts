import { createHash } from "node:crypto";
import type { Bundle } from "../../../../src/core/fleet/bundle.ts";
import type { Channel } from "../../../../src/core/fleet/channel.ts";
import type { NodeStatus, Offer } from "../../../../src/core/fleet/node-status.ts";
import type { RolloutSpec, Wave } from "../../../../src/core/fleet/rollout-spec.ts";
import type { RolloutState } from "../../../../src/core/fleet/rollout-state.ts";

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const T0 = Date.UTC(2026, 10, 27, 9, 0, 0);

export const SECOND = 1000;

function bundle(serial: number): Bundle {
  return { digest: sha256(new TextEncoder().encode(`bundle ${serial}`)), serial };
}

export const OLD = bundle(7);
export const NEW = bundle(8);
export const OTHER = bundle(5);

export function wave(changes: Partial<Wave> & Pick<Wave, "pick">): Wave {
  return {
    name: "wave",
    maxInFlight: 200,
    minDone: 1,
    maxFailed: 0,
    maxFailedPct: 0,
    maxSilentPct: 0,
    bakeMs: 30 * SECOND,
    maxBakeMs: 300 * SECOND,
    evidence: "one",
    ...changes,
  };
}

export function specWith(changes: Partial<RolloutSpec> = {}): RolloutSpec {
  return {
    id: "r1",
    channel: "stable",
    from: OLD,
    to: NEW,
    scope: {},
    classLabel: "class",
    preflight: { nodes: "all", maxFailed: 0, reportByMs: 40 * SECOND },
    waves: [
      wave({ name: "canary", pick: { kind: "nodes", nodes: ["n0"] } }),
      wave({ name: "rest", pick: { kind: "percent", percent: 100 } }),
    ],
    onHalt: "hold",
    offline: "skip",
    spreadMs: 10 * SECOND,
    soakMs: 20 * SECOND,
    reportByMs: 60 * SECOND,
    windows: [],
    supersedes: [],
    createdMs: T0,
    createdBy: "ann",
    ...changes,
  };
}

export function stateWith(changes: Partial<RolloutState> = {}): RolloutState {
  return { phase: "waves", wave: 0, startedMs: T0, attempt: 1, ...changes };
}

export const channelWith = (changes: Partial<Channel> = {}): Channel => ({
  members: {},
  stable: OLD,
  scoped: [],
  generation: 3,
  ...changes,
});

/** A connected node that runs OLD. */
export function statusWith(changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    node: "n0",
    connection: { server: "s1", stream: 1, instance: "aa", sinceMs: T0 },
    instances: ["aa"],
    seenMs: T0,
    running: OLD,
    source: "feed",
    agent: "0.2.0",
    containerd: "2.1.4",
    refused: [],
    ...changes,
  };
}

/** That the node was told to apply NEW by `r1`, on the stream of `statusWith`. */
export function offerWith(changes: Partial<Offer> = {}): Offer {
  return {
    ...NEW,
    id: "r1/1/apply",
    rolloutId: "r1",
    attempt: 1,
    mode: "apply",
    sentMs: T0,
    resentMs: T0,
    sentOn: "s1/1",
    owner: "s1",
    unproven: [],
    unprovenMore: 0,
    ...changes,
  };
}
