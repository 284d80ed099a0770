import type { RegistryRequest } from "./registry-request.ts";

/**
 * Where the content of a pull came from. mirror: all of it from mirrors · mixed: some from the upstream · upstream:
 * all of it · failed: the pull failed · none: it went well without an answer from anybody. Where everything was there
 * already, containerd still asks for the manifest, and who answered that served the pull.
 */
export type PullPath = "mirror" | "mixed" | "upstream" | "failed" | "none";

export const PULL_PATHS: readonly PullPath[] = ["mirror", "mixed", "upstream", "failed", "none"];

/** A pull that is over. */
export interface Pull {
  readonly source: "trace" | "witness" | "canary" | "log";
  /** Host namespace. */
  readonly registry: string;
  /** `""` when the source does not tell. */
  readonly repository: string;
  /** As CRI was asked, normalised; undefined when the source does not tell. */
  readonly reference?: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly path: PullPath;
  /** What the mirrors did not serve, in a few words for a person: `mirror:5000 answered 404`; undefined for `mirror`. */
  readonly reason?: string;
  /**
   * Failed although every host answered, because none has the image: nothing is wrong with the mirrors, so that it
   * counts and turns no verdict.
   */
  readonly isMissingImage?: boolean;
  /**
   * Not asked for through CRI but by a tool such as ctr, which brings its own host configuration: it counts and
   * turns no verdict.
   */
  readonly isOutsideCri?: boolean;
  /** Of the trace that told it, 32 hexadecimal digits. */
  readonly traceId?: string;
  /** In order; at most MAX_REQUESTS, the first ones. Empty where the source does not see requests. */
  readonly requests: readonly RegistryRequest[];
}

/** Of one pull; images with more layers than this are rare, and the counters count all. */
export const MAX_REQUESTS = 512;

/** Part of an image, as a registry serves it. */
export interface ImageObject {
  /** `sha256:…` */
  readonly digest: string;
  readonly kind: "manifest" | "blob";
}

/**
 * A pull that ended, from a source that does not see its requests. What the witness saw of the same repository
 * decides the path; without that, a pull that went well proves no path at all, unless the upstream is closed.
 */
export interface PullNotice {
  /**
   * trace: spans of a build without HTTP spans · events: containerd's image events, which show successes only · log:
   * containerd's journal, which is asked for failures only · canary: the agent's own pull, which the other two leave
   * out. The same pull may come from `trace` and from one of the others.
   */
  readonly from: "trace" | "events" | "log" | "canary";
  readonly registry: string;
  readonly repository: string;
  readonly reference: string;
  /** Undefined: only the end is known. */
  readonly startedMs?: number;
  readonly endedMs: number;
  readonly ok: boolean;
  readonly error?: string;
  /**
   * What of the image came into the content store with this pull, from wherever; what was there already is not in it.
   * With the witness up, one that is in a WitnessHit came from the upstream and any other from a mirror. Undefined:
   * not known. A blob that an earlier, failed pull of the same image fetched counts here.
   */
  readonly fetched?: readonly ImageObject[];
  /** No part of it was there earlier, so that it began about then, where its start is not known. */
  readonly firstPartMs?: number;
  /**
   * Mirrors that did not resolve the manifest, where the source tells. If these are all the mirrors there are, the
   * upstream resolved it.
   */
  readonly skipped?: readonly { readonly host: string; readonly reason: string }[];
}

/** A request that reached the witness, so that no mirror served it. */
export interface WitnessHit {
  readonly atMs: number;
  readonly registry: string;
  readonly repository: string;
  readonly kind: "manifest" | "blob";
  readonly method: string;
  readonly object: string;
  /** The trace that containerd said the request is part of; undefined where it makes no spans of requests. */
  readonly traceId?: string;
}
