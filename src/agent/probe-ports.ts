import type { PullRequest } from "../core/containerd/pull/pull-request.ts";
import type { PullPlan, PullWalk } from "../core/containerd/pull/pull-walk.ts";
import type { RegistryConfig } from "../core/containerd/registry-config.ts";

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
