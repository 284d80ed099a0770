import type { Bundle } from "./bundle.ts";
import type { Phase } from "./phase.ts";

/** What the fleet knows of one node; written by the feed server that has its stream, at most 4 KiB. */
export interface NodeStatus {
  readonly node: string;
  /** Absent: no stream. */
  readonly connection?: Connection;
  /** Processes of the agent, the newest first: this and the one before. */
  readonly instances: readonly string[];
  /** When something was last heard, or the stream ended. */
  readonly seenMs: number;
  /** Absent: mirrorlet has put nothing in force there. */
  readonly running?: Bundle;
  readonly source: NodeSource;
  readonly agent: string;
  readonly containerd: string;
  /** The assignment last sent. */
  readonly offer?: Offer;
  /** The answer to the last preflight. */
  readonly preflight?: PreflightAnswer;
  /** What the node has refused or taken back, the newest last. */
  readonly refused: readonly Refused[];
  /** The worst that the node's own verdicts say; absent: nothing bad. */
  readonly unwell?: Unwell;
  /** What is on disk is not what runs should make. */
  readonly drifted?: true;
  /** Two machines have used this id at once. */
  readonly cloned?: true;
}

export type NodeSource = "none" | "feed" | "file" | "pinned";

export const NODE_SOURCES: readonly [NodeSource, ...NodeSource[]] = ["none", "feed", "file", "pinned"];

export interface Connection {
  /** Of the feed server. */
  readonly server: string;
  /** Of the streams of this server, another one each time. */
  readonly stream: number;
  /** Of the agent's process. */
  readonly instance: string;
  readonly sinceMs: number;
}

export type Mode = "preflight" | "apply" | "hold" | "revert";

export const MODES: readonly [Mode, ...Mode[]] = ["preflight", "apply", "hold", "revert"];

export interface Offer extends Bundle {
  /** Of the assignment. */
  readonly id: string;
  /** Absent: the channel's stable state, or a pin. */
  readonly rolloutId?: string;
  readonly attempt: number;
  readonly mode: Mode;
  /** When it was first sent: silence counts from here. */
  readonly sentMs: number;
  /** When it was last sent: it is in flight from here. */
  readonly resentMs: number;
  /** `<server>/<stream>` on which it was last sent. */
  readonly sentOn: string;
  /** The feed server whose token it holds. */
  readonly owner?: string;
  /** Absent: nothing heard of it yet. */
  readonly phase?: Phase;
  /** When the answer came. */
  readonly phaseMs?: number;
  readonly error?: NodeError;
  /** Registries that changed and that nothing was pulled from; some by name. */
  readonly unproven: readonly string[];
  /** How many there are beside those in `unproven`. */
  readonly unprovenMore: number;
  /** It had a bad verdict already when this was sent. */
  readonly wasUnwell?: true;
}

export interface NodeError {
  readonly code: string;
  readonly message: string;
  readonly item?: string;
}

export interface PreflightAnswer {
  readonly rolloutId: string;
  readonly attempt: number;
  readonly ok: boolean;
  readonly error?: NodeError;
}

export interface Refused {
  readonly digest: string;
  /** Empty where the node does not know. */
  readonly assignmentId: string;
}

export interface Unwell {
  readonly verdict: "failing" | "bypassed";
  readonly namespace: string;
}

/** A node as decisions see it: who it is by the inventory, and what is known of it; absent: it was never seen. */
export interface FleetNode {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status?: NodeStatus;
}

export function nameStream({ server, stream }: Connection): string {
  return `${server}/${stream}`;
}
