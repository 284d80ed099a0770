import type { Digest } from "./bundle.ts";

/** What a mirror lacks of an image. */
export interface MissingPart {
  readonly kind: "manifest" | "blob";
  /** Undefined: what its tag leads to is not there, so that nobody knows. */
  readonly digest?: Digest;
  /** `linux/arm64`; undefined: it is for none, or for all. */
  readonly platform?: string;
  /** Where containerd would ask for it. */
  readonly url: string;
}

/** What one mirror has of an image. */
export interface MirrorHoldings {
  /** Scheme, host and the path before the repository. */
  readonly mirror: string;
  /** Of what it has under the name. */
  readonly digest?: Digest;
  /** Of the list, those that were looked at; one without a list has none. */
  readonly platforms: readonly string[];
  readonly blobs: number;
  readonly missing: readonly MissingPart[];
  /** Why it is not known: cause and fix. */
  readonly failure?: string;
  /** Why containerd does not ask it for this name. */
  readonly skipped?: string;
}

/**
 * there: a mirror has all of it · missing: none has · no-mirror: the desired state has none for its host, so that pulls
 * go to the upstream · unknown: a mirror could not be asked.
 */
export type MirrorVerdict = "there" | "missing" | "no-mirror" | "unknown";

export interface MirroredImage {
  readonly name: string;
  readonly verdict: MirrorVerdict;
  readonly mirrors: readonly MirrorHoldings[];
}

/** One mirror that has it is enough: containerd goes on to the next where one lacks something. */
export function judgeMirrored(name: string, mirrors: readonly MirrorHoldings[]): MirroredImage {
  return { name, verdict: verdictOf(mirrors), mirrors };
}

function verdictOf(mirrors: readonly MirrorHoldings[]): MirrorVerdict {
  const asked = mirrors.filter(({ skipped }) => skipped === undefined);
  if (mirrors.length === 0) return "no-mirror";
  if (asked.some(({ missing, failure }) => missing.length === 0 && failure === undefined)) return "there";
  return asked.some(({ failure }) => failure !== undefined) ? "unknown" : "missing";
}
