import type { ImageReference } from "../image-reference.ts";
import type { ResolvedHost } from "../resolved-host.ts";
import type { ContainerdTraits } from "../version.ts";
import type { Architecture } from "./choose-platform.ts";
import type { Judgement } from "./judgement.ts";
import type { PullReply, PullRequest, PullStage } from "./pull-request.ts";

export interface PullPlan {
  readonly reference: ImageReference;
  /** In the order of trial. */
  readonly hosts: readonly ResolvedHost[];
  readonly traits: ContainerdTraits;
  readonly architecture: Architecture;
}

/** One host at one stage, and what containerd does next. */
export interface Visit {
  readonly request: PullRequest;
  /** Undefined: not asked, because what it would do is known. */
  readonly reply?: PullReply;
  readonly judgement: Judgement;
}

export interface PullWalk {
  /** In the order of the requests. */
  readonly visits: readonly Visit[];
  readonly outcome: PullOutcome;
}

/**
 * served: by which hosts · stopped: the pull fails at one host, whatever the later ones have · hangs: it waits for
 * one · failed: no host serves a stage · unknown: it could not be followed further.
 */
export type PullOutcome =
  | { readonly kind: "served"; readonly by: Readonly<Partial<Record<PullStage, number>>> }
  | { readonly kind: "stopped" | "hangs" | "unknown"; readonly at: Visit }
  | { readonly kind: "failed"; readonly stage: PullStage };
