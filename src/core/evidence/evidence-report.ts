import type { UpstreamPolicy } from "../desired-state/desired-state.ts";
import type { PullPath } from "./pull.ts";

/** Best first: an earlier one that has something to say is believed over a later one. */
export type EvidenceSource = "trace" | "witness" | "canary" | "log" | "probe";

export const EVIDENCE_SOURCES: readonly EvidenceSource[] = ["trace", "witness", "canary", "log", "probe"];

/**
 * mirrored: pulls come from mirrors · mixed: part of their content from the upstream · bypassed: from the upstream ·
 * failing: pulls fail · unproven: no pull and no canary has shown anything.
 */
export type VerdictName = "mirrored" | "mixed" | "bypassed" | "failing" | "unproven";

export const VERDICTS: readonly VerdictName[] = ["mirrored", "mixed", "bypassed", "failing", "unproven"];

export interface Verdict {
  readonly name: VerdictName;
  /** What proves it; undefined while unproven. */
  readonly source?: Exclude<EvidenceSource, "probe">;
  /** Since when the verdict has this name. */
  readonly sinceMs: number;
  /** When it was last confirmed; undefined while unproven. */
  readonly lastMs?: number;
  /** Pulls that confirmed it since then. */
  readonly pulls: number;
  /** One sentence for a person, with host and reason where something is wrong. */
  readonly message: string;
}

/** A host namespace that has mirrors, as it is in force; `*` for those without an entry of their own. */
export interface WatchedRegistry {
  readonly namespace: string;
  /** In order of trial; `https://host:port/v2/prefix`. */
  readonly mirrors: readonly string[];
  readonly upstream: UpstreamPolicy;
  /** No mirror may be asked for tags: the upstream resolves them by design, and only content proves anything. */
  readonly pullOnly?: true;
}

/** How a source of evidence is: `up` says that what it would see is seen. */
export interface SourceState {
  readonly source: EvidenceSource;
  readonly up: boolean;
  /** Why it is not up, or what limits it; `""` when there is nothing to say. */
  readonly message: string;
  /** What it may have missed since the agent started; absent for nothing. */
  readonly missed?: number;
}

export type ProbePhase = "dns" | "connect" | "tls" | "http" | "auth" | "token" | "manifest" | "blob";

/** One host of a namespace, as this node last found it. */
export interface HostProbe {
  readonly registry: string;
  /** host:port */
  readonly host: string;
  readonly role: "mirror" | "upstream";
  readonly url: string;
  readonly atMs: number;
  readonly ok: boolean;
  /** Where it ended when it is not ok. */
  readonly failedPhase?: ProbePhase;
  /** Cause and fix, for a person. */
  readonly message: string;
  /** Of each phase that was passed or failed. */
  readonly durationsMs: Readonly<Partial<Record<ProbePhase, number>>>;
  /** End of validity of the first certificate of the chain to expire. */
  readonly tlsNotAfterMs?: number;
  /** Failures in a row; 0 when ok. */
  readonly failures: number;
}

/** Something that mirrors did not serve, for the page and the status command. No secrets, no queries. */
export interface Fallback {
  readonly atMs: number;
  readonly registry: string;
  readonly repository: string;
  /** Tag or short digest. */
  readonly object: string;
  readonly kind: "manifest" | "blob";
  readonly source: EvidenceSource;
  /** Where it went: host of the upstream, or `nowhere` where the upstream is closed. */
  readonly wentTo: string;
  readonly reason: string;
}

/** One that containerd's log tells of. */
export interface LoggedFallback extends Fallback {
  /** containerd resolves by HEAD and fetches by GET. */
  readonly method: "HEAD" | "GET";
}

export interface RegistryEvidence extends WatchedRegistry {
  readonly verdict: Verdict;
  /** Since the agent started. */
  readonly pulls: Readonly<Record<PullPath, number>>;
  /** Requests that no mirror served, since the agent started. */
  readonly fallbacks: number;
  /** When a pull was last served by mirrors alone; one that had nothing to fetch counts when a mirror answered. */
  readonly lastMirrorPullMs?: number;
  /** The mirrors failed around the pull that made this verdict, and one has answered a probe since: when it did. */
  readonly recoveredMs?: number;
  readonly probes: readonly HostProbe[];
}

/** All that is known about the pulls of this node at one moment. Plain data without secrets. */
export interface EvidenceReport {
  readonly atMs: number;
  readonly sources: readonly SourceState[];
  /** In the order of the desired state. */
  readonly registries: readonly RegistryEvidence[];
  /** Pulls of host namespaces that have no mirror, all together. */
  readonly unwatched: Pick<RegistryEvidence, "pulls" | "fallbacks">;
  /** Newest first; at most 50. */
  readonly recentFallbacks: readonly Fallback[];
}
