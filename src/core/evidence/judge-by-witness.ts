import { cleanText, shortObject } from "./clean-text.ts";
import type { WatchedRegistry } from "./evidence-report.ts";
import { isByDesign } from "./list-fallbacks.ts";
import type { ImageObject, PullNotice, PullPath, WitnessHit } from "./pull.ts";
import { mirrorHost } from "./registry-hosts.ts";

/** What is known of a pull that succeeded and of which nobody saw all requests. */
export interface WitnessFacts {
  /** What reached the witness meanwhile, for the same repository. */
  readonly hits: readonly WitnessHit[];
  /** What it brought into the content store; undefined: not known. */
  readonly fetched: readonly ImageObject[] | undefined;
  /** Mirrors that are known not to have resolved it. */
  readonly skipped: NonNullable<PullNotice["skipped"]>;
}

export interface WitnessView {
  readonly path: Exclude<PullPath, "failed" | "none">;
  readonly reason?: string;
}

/**
 * Where a pull came from, by the rule that traces are judged by. containerd asks for the manifest by HEAD, then GETs
 * it, then each blob, and of all hosts in order each time; what no mirror served is a hit. Nothing: mirrors served all
 * of it. The HEAD alone: the upstream answered it, and that is the whole pull unless something was fetched. Of what
 * was fetched, a hit came from the upstream and anything else from a mirror. Where it is not known what was fetched,
 * manifest and blobs together are taken for all of it, and one of the two for a part.
 */
export function judgeByWitness(facts: WitnessFacts, watched: WatchedRegistry | undefined): WitnessView {
  const { fetched, skipped } = facts;
  const hits = facts.hits.filter((hit) => !isByDesign(hit, watched));
  const gets = hits.filter(({ method }) => method !== "HEAD");
  const isResolvedBeyond = gets.length < hits.length || isSkippedByAll(skipped, watched);
  if (gets.length === 0 && !isResolvedBeyond) return { path: "mirror" };
  const reason = describeSkipped(skipped) ?? `no mirror served ${describe(gets)}`;
  return { path: pathOf(gets, fetched), reason };
}

function pathOf(
  gets: readonly WitnessHit[],
  fetched: readonly ImageObject[] | undefined,
): "upstream" | "mixed" {
  if (fetched !== undefined && fetched.length > 0) {
    // Those of the log are short.
    const beyond = new Set(gets.map(({ object }) => shortObject(object)));
    return fetched.every(({ digest }) => beyond.has(shortObject(digest))) ? "upstream" : "mixed";
  }
  if (gets.length === 0) return "upstream";
  const kinds = new Set(gets.map(({ kind }) => kind));
  return kinds.size === 2 ? "upstream" : "mixed";
}

/** Where mirrors are for digests only, none of them is asked to resolve a tag. */
function isSkippedByAll(skipped: WitnessFacts["skipped"], watched: WatchedRegistry | undefined): boolean {
  if (watched === undefined || watched.pullOnly === true || skipped.length === 0) return false;
  const hosts = new Set(skipped.map(({ host }) => host));
  return watched.mirrors.every((url) => hosts.has(mirrorHost(url)));
}

function describeSkipped(skipped: WitnessFacts["skipped"]): string | undefined {
  if (skipped.length === 0) return undefined;
  return cleanText(
    [...new Set(skipped.map(({ host, reason }) => `${host} ${reason}`))].slice(0, 4).join(", "),
  );
}

function describe(gets: readonly WitnessHit[]): string {
  const manifests = gets.filter(({ kind }) => kind === "manifest").length;
  const blobs = gets.length - manifests;
  const parts = [
    ...(manifests > 0 ? ["its manifest"] : []),
    ...(blobs > 0 ? [blobs === 1 ? "one of its blobs" : `${blobs} of its blobs`] : []),
  ];
  return parts.length === 0 ? "its tag" : parts.join(" and ");
}
