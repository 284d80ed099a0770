import { openPayload } from "../../core/signing/check-signed-state.ts";
import { readEnvelope } from "../../core/signing/envelope.ts";
import { EngineError } from "../engine/engine-error.ts";
import { getBundle } from "./bundles.ts";
import type { FleetStore } from "./fleet-store.ts";

/** When published states expire: what they say of themselves, for people. Nodes judge by what they have verified. */
export interface StateEnds {
  /** Undefined: it is not known, or not yet: it is read by then. */
  of(digest: string): number | undefined;
  /** Resolves when all that can be read is known. */
  load(digests: Iterable<string>): Promise<void>;
}

const MOST_KEPT = 1_024;
const RETRY_MS = 30_000;

export function readStateEnds(store: FleetStore, uptimeMs: () => number): StateEnds {
  const known = new Map<string, number>();
  const asked = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>();
  const read = async (digest: string): Promise<void> => {
    try {
      const bytes = await getBundle(store, digest);
      const end = bytes && endOf(bytes, digest);
      if (end !== undefined) known.set(digest, end);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  };
  const ask = (digest: string): Promise<void> | undefined => {
    if (known.has(digest)) return undefined;
    const before = asked.get(digest);
    if (before !== undefined && uptimeMs() < before.atMs + RETRY_MS) return before.done;
    if (asked.size >= MOST_KEPT) {
      asked.clear();
      known.clear();
    }
    const done = read(digest);
    asked.set(digest, { atMs: uptimeMs(), done });
    return done;
  };
  return {
    of(digest) {
      void ask(digest);
      return known.get(digest);
    },
    load: async (digests) => void (await Promise.all([...digests].map(ask))),
  };
}

function endOf(bytes: Uint8Array, digest: string): number | undefined {
  const read = readEnvelope(bytes, digest);
  const opened = read.ok ? openPayload(read.envelope, digest) : undefined;
  return opened?.ok ? opened.state.expiresMs : undefined;
}
