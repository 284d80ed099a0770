import type { ContainerdTraits } from "../version.ts";

export interface LatestTry {
  readonly status: number;
  readonly method: string;
  /** The request is for a manifest, not a blob. */
  readonly isManifest: boolean;
  /** This one included. */
  readonly tries: number;
  readonly previousStatus?: number | undefined;
  /** Nobody is left to go to. */
  readonly isLastHost: boolean;
}

/** done: the answer counts · again, get: the same host is asked at once, `get` by GET · authorize: if it can be. */
export type NextTry = "done" | "again" | "get" | "authorize";

/** What containerd does with an answer before it looks at it as one. No pause lies between two tries. */
export function nextTry(latest: LatestTry, traits: ContainerdTraits): NextTry {
  const { status, method, isManifest, tries, previousStatus, isLastHost } = latest;
  if (tries >= traits.statusAttempts) return "done";
  switch (status) {
    case 401:
      return "authorize";
    case 405:
      return method === "HEAD" && isManifest ? "get" : "done";
    case 408:
    case 429:
      return "again";
    case 500:
    case 503:
    case 504:
      return traits.retriesLastHost && isLastHost && previousStatus !== status ? "again" : "done";
    default:
      return "done";
  }
}
