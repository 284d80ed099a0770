import type { ImageContent } from "./image-content.ts";
import type { ImageObject } from "./pull.ts";

/** Tells which parts of an image came with a pull, when only the ends of pulls are known. */
export interface FetchedFinder {
  /** From now on every pull that ends is told; before, some may have ended unseen. */
  watchingSince(atMs: number): void;
  /** Each part counts for the first pull that ends with it, and never again. */
  find(content: ImageContent, endedMs: number): Fetched;
}

/** What came with a pull. */
export interface Fetched {
  /** Undefined: cannot be told. */
  readonly fetched: readonly ImageObject[] | undefined;
  /** When the first part was there that may have come with it; its end where nothing did. */
  readonly firstPartMs: number;
}

/** What is older than this when a pull ends did not come with it. */
const MAX_PULL_MS = 30 * 60_000;
const MAX_REMEMBERED = 8192;

export function createFetchedFinder(): FetchedFinder {
  /** Digest → when the copy was made that a pull has been given. */
  const given = new Map<string, number>();
  let sinceMs = Number.POSITIVE_INFINITY;
  return {
    watchingSince(atMs) {
      sinceMs = atMs;
    },
    find({ objects, complete }, endedMs) {
      const recent = objects.filter(({ createdMs }) => endedMs - createdMs < MAX_PULL_MS);
      const fresh = recent.filter(({ digest, createdMs }) => given.get(digest) !== createdMs);
      for (const { digest, createdMs } of fresh) remember(given, digest, createdMs);
      const firstPartMs = Math.min(endedMs, ...fresh.map(({ createdMs }) => createdMs));
      // It came before we watched: with this pull, or with one that nobody saw.
      if (!complete || firstPartMs < sinceMs) return { fetched: undefined, firstPartMs };
      return { fetched: fresh.map(({ digest, kind }) => ({ digest, kind })), firstPartMs };
    },
  };
}

function remember(given: Map<string, number>, digest: string, createdMs: number): void {
  given.delete(digest);
  given.set(digest, createdMs);
  const [oldest] = given.keys();
  if (given.size > MAX_REMEMBERED && oldest !== undefined) given.delete(oldest);
}
