import { EngineError } from "../engine-error.ts";
import type { JournalState } from "./journal-state.ts";
import type { LeaseFiles } from "./lease-files.ts";
import { ownIdentity } from "./process-identity.ts";

/** The leases that this engine holds. */
export interface OwnLeases {
  /** Writes down that we hold it and goes on to do so. */
  hold(lease: string, ttlMs: number): Promise<AbortSignal>;
  /** Those that the journal no longer has are lost. */
  check(state: JournalState): void;
  /** Lets go of one, or of all. */
  drop(lease?: string): void;
}

export function createOwnLeases(files: LeaseFiles, uptimeMs: () => number): OwnLeases {
  const held = new Map<string, HeldLease>();
  const process = ownIdentity();
  const lose = (lease: string, why: string): void => {
    const own = held.get(lease);
    if (own === undefined) return;
    clearInterval(own.timer);
    held.delete(lease);
    own.lost.abort(new EngineError("lease-lost", `lease ${lease} is lost: ${why}`));
  };
  const renew = async (lease: string, ttlMs: number): Promise<void> => {
    const own = held.get(lease);
    if (own === undefined) return;
    const renewedMs = uptimeMs();
    // Silent for too long: somebody may have ended it already.
    if (renewedMs - own.renewedMs > ttlMs) return lose(lease, "it could not be renewed in time");
    try {
      await files.renew(lease, { process, ttlMs, renewedMs });
      own.renewedMs = renewedMs;
    } catch {
      // Tried again, and lost when its time is over.
    }
  };
  return {
    async hold(lease, ttlMs) {
      const renewedMs = uptimeMs();
      await files.renew(lease, { process, ttlMs, renewedMs });
      const timer = setInterval(() => void renew(lease, ttlMs), ttlMs / 4);
      const own = { lost: new AbortController(), renewedMs, isGranted: false, timer };
      held.set(lease, own);
      return own.lost.signal;
    },
    check(state) {
      for (const [lease, own] of [...held]) {
        if (state.leases.has(lease)) own.isGranted = true;
        else if (own.isGranted) lose(lease, "the journal no longer has it");
      }
    },
    drop(lease) {
      for (const one of lease === undefined ? [...held.keys()] : [lease]) lose(one, "it was ended here");
    },
  };
}

interface HeldLease {
  readonly lost: AbortController;
  readonly timer: NodeJS.Timeout;
  renewedMs: number;
  /** The journal has had it. */
  isGranted: boolean;
}
