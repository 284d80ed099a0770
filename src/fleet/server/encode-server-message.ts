import type { Assignment } from "../../core/fleet/assignment.ts";
import type { Mode } from "../../core/fleet/node-status.ts";
import type { Assignment as AssignmentMessage } from "../../shared/feed/generated/mirrorlet/feed/v1/Assignment.ts";
import type { FeedDefinition } from "../../shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import type { Welcome } from "../../shared/feed/generated/mirrorlet/feed/v1/Welcome.ts";

/** Messages to nodes, as the bytes that are sent: what is said to thousands is encoded once. */
export interface ServerMessages {
  welcome(welcome: Welcome): Buffer;
  assignment(assignment: Assignment, envelope: Uint8Array | undefined): Buffer;
  reportAck(throughSeq: number): Buffer;
  heartbeat(timeMs: number, engineAgeMs: number): Buffer;
  goAway(message: GoAwayWords): Buffer;
}

export interface GoAwayWords {
  readonly reconnectAfterMs: number;
  readonly spreadMs: number;
  readonly reason: string;
}

const MOST_KEPT = 32;

export function createServerMessages({ Sync }: FeedDefinition): ServerMessages {
  const encode = Sync.responseSerialize;
  const kept = new Map<string, { readonly envelope: Uint8Array | undefined; readonly bytes: Buffer }>();
  return {
    welcome: (welcome) => encode({ welcome }),
    assignment(assignment, envelope) {
      const key = keyOf(assignment, envelope !== undefined);
      const known = kept.get(key);
      // One with more signatures may have taken its place.
      if (known !== undefined && known.envelope === envelope) return known.bytes;
      const bytes = encode({ assignment: toMessage(assignment, envelope) });
      const [oldest] = kept.keys();
      if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
      kept.set(key, { envelope, bytes });
      return bytes;
    },
    reportAck: (throughSeq) => encode({ reportAck: { throughSeq } }),
    heartbeat: (timeMs, engineAgeMs) => encode({ heartbeat: { timeMs, engineAgeMs: toUint32(engineAgeMs) } }),
    goAway: (goAway) => encode({ goAway }),
  };
}

export function toMessage(assignment: Assignment, envelope: Uint8Array | undefined): AssignmentMessage {
  const { id, rolloutId = "", wave, mode, bundle, spreadMs, soakMs, reportByMs } = assignment;
  return {
    assignmentId: id,
    rolloutId,
    wave,
    mode: MODES[mode],
    digest: Buffer.from(bundle.digest, "hex"),
    ...(envelope && { envelope }),
    spreadMs: toUint32(spreadMs),
    soakMs: toUint32(soakMs),
    reportByMs: toUint32(reportByMs),
    needsObserved: assignment.needsObserved,
  };
}

/** All that `toMessage` reads; asked for each node, so that it has to be quick. */
function keyOf(assignment: Assignment, hasEnvelope: boolean): string {
  const { id, rolloutId, wave, mode, bundle, spreadMs, soakMs, reportByMs } = assignment;
  const { needsObserved } = assignment;
  return `${id} ${rolloutId} ${wave} ${mode} ${bundle.digest} ${spreadMs} ${soakMs} ${reportByMs} ${needsObserved} ${hasEnvelope}`;
}

/** Infinity, which is an engine that was never reached, is as long as can be said. */
function toUint32(value: number): number {
  return Math.min(Math.max(0, Math.round(value)), 0xffff_ffff);
}

const MODES = {
  preflight: "MODE_PREFLIGHT",
  apply: "MODE_APPLY",
  hold: "MODE_HOLD",
  revert: "MODE_REVERT",
} as const satisfies Record<Mode, string>;
