import { EngineError } from "../engine/engine-error.ts";
import { getBundle } from "../store/bundles.ts";
import type { FleetStore } from "../store/fleet-store.ts";

/** Envelopes as they were published. */
export interface BundleCache {
  /** Undefined: not here yet, and asked for; or there is none. `onBundle` tells when it has come. */
  get(digest: string): Uint8Array | undefined;
}

const MOST_KEPT = 16;
const RETRY_MS = 5_000;
/** A publisher may put one with more signatures in its place. */
const REFRESH_MS = 15_000;

export function createBundleCache(
  store: FleetStore,
  nowMs: () => number,
  onBundle: (digest: string) => void,
  onTrouble: (digest: string, message: string) => void,
): BundleCache {
  const kept = new Map<string, { readonly envelope: Uint8Array; readonly askedMs: number }>();
  const asking = new Set<string>();
  const missing = new Map<string, number>();
  const keep = (digest: string, envelope: Uint8Array, askedMs: number): void => {
    const before = kept.get(digest)?.envelope;
    kept.delete(digest);
    // The same object as long as it is the same.
    const isSame = before !== undefined && Buffer.compare(before, envelope) === 0;
    kept.set(digest, { envelope: isSame ? before : envelope, askedMs });
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  };
  const ask = async (digest: string): Promise<void> => {
    asking.add(digest);
    const askedMs = nowMs();
    const isKnown = kept.has(digest);
    try {
      const envelope = await getBundle(store, digest);
      if (envelope === undefined) {
        missing.set(digest, nowMs());
        onTrouble(digest, "nobody has published it: mirrorlet fleet publish puts it there");
        return;
      }
      missing.delete(digest);
      keep(digest, envelope, askedMs);
      if (!isKnown) onBundle(digest);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      missing.set(digest, nowMs());
      onTrouble(digest, error.message);
    } finally {
      asking.delete(digest);
    }
  };
  return {
    get(digest) {
      const found = kept.get(digest);
      const lastMs = missing.get(digest) ?? Number.NEGATIVE_INFINITY;
      const isOld = found === undefined || nowMs() - found.askedMs > REFRESH_MS;
      if (isOld && !asking.has(digest) && nowMs() - lastMs > RETRY_MS) void ask(digest);
      return found?.envelope;
    },
  };
}
