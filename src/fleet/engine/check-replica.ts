import { pause } from "../pause.ts";
import { EngineError } from "./engine-error.ts";
import type { Follower } from "./follower.ts";

const RELIST_MS = 300_000;
const PROVE_MS = 3_000;
/** A watch that is so far behind what the engine has said of itself is begun anew. */
const BEHIND_MS = 20_000;

/** Asks the engine for its revision, lists and compares now and then; resolves when the watch is not to be trusted. */
export async function checkReplica(follower: Follower, signal: AbortSignal): Promise<void> {
  const { options, replica } = follower;
  const { nowMs, proveMs = PROVE_MS, relistMs = RELIST_MS } = options;
  let relistAtMs = nowMs() + relistMs;
  while (!signal.aborted) {
    await pause(proveMs, signal);
    if (signal.aborted) return;
    try {
      if ((await prove(follower, signal)) === "replaced") return;
      if (replica.behindMs(nowMs()) > BEHIND_MS) return;
      if (nowMs() < relistAtMs) continue;
      await compare(follower, signal);
      relistAtMs = nowMs() + relistMs;
    } catch (error) {
      // The age tells.
      if (!(error instanceof EngineError)) throw error;
    }
  }
}

/** `replaced`: the store is behind what it has told before, as one that was put back from a backup is. */
async function prove(
  { engine, prefix, options, replica }: Follower,
  signal: AbortSignal,
): Promise<"replaced" | undefined> {
  const askedMs = options.nowMs();
  const before = replica.revision();
  const get = { kind: "get", key: prefix } as const;
  const { revision } = await engine.txn({ success: [get] }, { signal });
  if (revision < before) return "replaced";
  replica.expect(revision, askedMs);
  return undefined;
}

async function compare(
  { engine, prefix, options, replica, counts, tell }: Follower,
  signal: AbortSignal,
): Promise<void> {
  const askedMs = options.nowMs();
  const forget = replica.rememberDeletions();
  try {
    const listing = await engine.list(prefix, { signal });
    replica.expect(listing.revision, askedMs);
    // What the watch has yet to tell is no difference.
    while (!signal.aborted && replica.revision() < listing.revision) {
      if (replica.behindMs(options.nowMs()) > BEHIND_MS) return;
      await pause(CATCH_UP_MS, signal);
    }
    if (signal.aborted) return;
    const repairs = replica.repair(listing);
    if (repairs.length === 0) return;
    counts.repairs += repairs.length;
    options.onNotice?.({ kind: "repaired", prefix, changes: repairs.length });
    tell(repairs);
  } finally {
    forget();
  }
}

const CATCH_UP_MS = 50;
