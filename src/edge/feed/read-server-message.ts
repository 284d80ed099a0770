import type { FeedAssignment, FeedNews } from "../../agent/feed/feed-messages.ts";
import type { Mode } from "../../core/fleet/node-status.ts";
import { SIGNING_LIMITS } from "../../core/signing/signing-limits.ts";
import type { Assignment__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/Assignment.ts";
import type { ServerMessage__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/ServerMessage.ts";

/** A message of the server, bounded. `unknown`: of a later version, or nothing that makes sense; it is skipped. */
export type ServerNews =
  | FeedNews
  | {
      readonly kind: "welcome";
      readonly serverId: string;
      readonly serverVersion: string;
      readonly heartbeatMs: number;
      readonly isUnderstood: boolean;
    }
  | { readonly kind: "heartbeat"; readonly engineAgeMs: number }
  | { readonly kind: "go-away"; readonly afterMs: number; readonly spreadMs: number; readonly reason: string }
  | { readonly kind: "unknown" };

export const PROTOCOL = 1;

/** However long a server says: an agent that never comes back would miss what undoes a mistake. */
const MOST_AWAY_MS = 600_000;
const DAY_MS = 86_400_000;
const MOST_HEARTBEAT_MS = 600_000;

/** Total: whatever a server sends is one of these. */
export function readServerMessage(message: ServerMessage__Output): ServerNews {
  const { welcome, assignment, reportAck, heartbeat, goAway } = message;
  if (welcome)
    return {
      kind: "welcome",
      serverId: text(welcome.serverId),
      serverVersion: text(welcome.serverVersion),
      heartbeatMs: within(welcome.heartbeatMs, 1_000, MOST_HEARTBEAT_MS),
      isUnderstood: welcome.protocol === PROTOCOL,
    };
  if (assignment) return readAssignment(assignment);
  if (reportAck) return { kind: "ack", throughSeq: within(reportAck.throughSeq, 0, Number.MAX_SAFE_INTEGER) };
  if (heartbeat) return { kind: "heartbeat", engineAgeMs: within(heartbeat.engineAgeMs, 0, 2 ** 32) };
  if (goAway)
    return {
      kind: "go-away",
      afterMs: within(goAway.reconnectAfterMs, 0, MOST_AWAY_MS),
      spreadMs: within(goAway.spreadMs, 0, MOST_AWAY_MS),
      reason: text(goAway.reason),
    };
  return message.needState ? { kind: "need-state" } : { kind: "unknown" };
}

const MODES: Readonly<Record<string, Mode>> = {
  MODE_PREFLIGHT: "preflight",
  MODE_APPLY: "apply",
  MODE_REVERT: "revert",
};

function readAssignment(assignment: Assignment__Output): ServerNews {
  const { assignmentId, rolloutId, mode, digest, envelope, spreadMs, soakMs, reportByMs } = assignment;
  // What is not understood is not acted on.
  const known = MODES[String(mode)] ?? "hold";
  if (!isName(assignmentId)) return { kind: "unknown" };
  const isWhole = digest.length === 32 && envelope.length <= SIGNING_LIMITS.feedBytes;
  // Holding needs no document, and a later mode may have none: what waited until now must not begin all the same.
  if (!isWhole && known !== "hold") return { kind: "unknown" };
  const read: FeedAssignment = {
    id: assignmentId,
    rolloutId: isName(rolloutId) ? rolloutId : "",
    mode: known,
    digest: isWhole ? digest.toString("hex") : "",
    // A view into a larger buffer would keep all of that.
    envelope: known === "hold" || envelope.length === 0 ? undefined : new Uint8Array(envelope),
    spreadMs: within(spreadMs, 0, DAY_MS),
    soakMs: within(soakMs, 0, 30 * DAY_MS),
    reportByMs: within(reportByMs, 0, 30 * DAY_MS),
    needsObserved: assignment.needsObserved === true,
  };
  return { kind: "assignment", assignment: read };
}

/** Ends up in the log and in a file: printable ASCII, as servers make them. */
function isName(name: string): boolean {
  return /^[\x21-\x7e]{1,512}$/.test(name);
}

function text(value: string): string {
  return value.slice(0, 200).replace(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, " ");
}

function within(value: number, least: number, most: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(Math.trunc(value), least), most) : least;
}
