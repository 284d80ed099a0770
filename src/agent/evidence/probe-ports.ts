import type { HostEntry } from "../../core/containerd/hosts-toml/host-entry.ts";
import type { ImageReference } from "../../core/containerd/image-reference.ts";
import type { PullRequest } from "../../core/containerd/pull/pull-request.ts";
import type { PullPlan, PullWalk } from "../../core/containerd/pull/pull-walk.ts";
import type { RegistryConfig } from "../../core/containerd/registry-config.ts";
import type { ContainerdTraits } from "../../core/containerd/version.ts";
import type { ProbeAnswer } from "../../core/evidence/probe-answer.ts";

/** Asks the hosts of an image in containerd's order and by its rules, without keeping anything. */
export interface PullWalker {
  /** Never throws. `onRequest` is told what is asked next. */
  walk(
    target: WalkTarget,
    signal: AbortSignal,
    onRequest?: (request: PullRequest) => void,
  ): Promise<PullWalk>;
}

export interface WalkTarget {
  readonly plan: PullPlan;
  readonly access: AccessSources;
}

/** What the hosts of a node are reached with. Holds secrets. */
export interface AccessSources {
  readonly config: Pick<RegistryConfig, "headers" | "configs" | "auths" | "pullMode">;
  /** CA and client files that hosts name. */
  readonly readFile: (path: string) => Uint8Array | undefined;
}

/** Asks one mirror one question, as containerd would at the beginning of a pull. */
export interface MirrorAsker {
  /** Never throws. */
  ask(target: MirrorTarget, signal: AbortSignal): Promise<ProbeAnswer>;
}

export interface MirrorTarget {
  readonly entry: HostEntry;
  readonly access: AccessSources;
  readonly traits: ContainerdTraits;
  /** HEAD of its manifest; without it the base of the API is asked. */
  readonly image?: ProbeImage;
}

/** An image that a mirror is asked for. */
export interface ProbeImage {
  readonly reference: ImageReference;
  /** The mirror has to have it; otherwise 404 is an answer like another. */
  readonly isExpected: boolean;
}
