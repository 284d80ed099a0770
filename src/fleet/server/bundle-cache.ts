import { EngineError } from "../engine/engine-error.ts";
import { getBundle } from "../store/bundles.ts";
import type { FleetStore } from "../store/fleet-store.ts";

/** Envelopes as they were published. */
export interface BundleCache {
  /** Undefined: not here yet, and asked for; or there is none. `onBundle` tells when it has come. */
  get(digest: string): Uint8Array | undefined;
  /** There is none in the engine, as far as was last seen. */
  isMissing(digest: string): boolean;
}

const MOST_KEPT = 16;
const RETRY_MS = 5_000;

export function createBundleCache(
  store: FleetStore,
  nowMs: () => number,
  onBundle: (digest: string) => void,
  onTrouble: (digest: string, message: string) => void,
): BundleCache {
  const kept = new Map<string, Uint8Array>();
  const asking = new Set<string>();
  const missing = new Map<string, number>();
  const keep = (digest: string, envelope: Uint8Array): void => {
    kept.delete(digest);
    kept.set(digest, envelope);
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  };
  const ask = async (digest: string): Promise<void> => {
    asking.add(digest);
    try {
      const envelope = await getBundle(store, digest);
      if (envelope === undefined) {
        missing.set(digest, nowMs());
        onTrouble(digest, "nobody has published it: mirrorlet fleet publish puts it there");
        return;
      }
      missing.delete(digest);
      keep(digest, envelope);
      onBundle(digest);
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
      const envelope = kept.get(digest);
      const lastMs = missing.get(digest) ?? Number.NEGATIVE_INFINITY;
      if (envelope !== undefined) keep(digest, envelope);
      else if (!asking.has(digest) && nowMs() - lastMs > RETRY_MS) void ask(digest);
      return envelope;
    },
    isMissing: (digest) => missing.has(digest),
  };
}
