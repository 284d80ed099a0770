import type { Lease } from "../engine/engine.ts";
import { EngineError } from "../engine/engine-error.ts";
import { joinSignals } from "../join-signals.ts";
import { pause } from "../pause.ts";
import { isLed, type Leadership, takeLead } from "../store/lead-fleet.ts";
import type { ControllerOptions, ControllerPace } from "./controller-options.ts";
import type { BakeWatch } from "./watch-bakes.ts";
import type { Freshness } from "./watch-freshness.ts";

export interface HeldLead {
  readonly lease: Lease;
  readonly leadership: Leadership;
  readonly sinceMs: number;
}

/** Stands by until nobody leads, and takes the lead. Undefined: it was stopped before. */
export async function seekLead(
  options: ControllerOptions,
  pace: ControllerPace,
  look: () => Freshness,
  bakes: BakeWatch,
  signal: AbortSignal,
): Promise<HeldLead | undefined> {
  const { store, followed, random, onNotice } = options;
  while (!signal.aborted) {
    bakes.look(followed.records);
    // Who cannot see could not lead.
    if (look().is !== "blind" && !isLed(store.fleet, followed.records)) {
      try {
        const held = await tryToLead(options, pace, signal);
        if (held !== undefined) return held;
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (!signal.aborted) onNotice?.({ kind: "failed", what: "the controller's key", error });
      }
    }
    await pause(pace.lookMs * (0.5 + random()), signal);
  }
  return undefined;
}

async function tryToLead(
  { store, self, nowMs }: ControllerOptions,
  { leaseMs }: ControllerPace,
  signal: AbortSignal,
): Promise<HeldLead | undefined> {
  const lease = await store.engine.lease(leaseMs, { signal });
  let leadership: Leadership | undefined;
  const sinceMs = nowMs();
  try {
    leadership = await takeLead(store, { ...self, sinceMs, beat: 0 }, lease.id);
  } finally {
    // Also where it cannot be told whether we have it: without the lease it goes.
    if (leadership === undefined) await lease.end();
  }
  return leadership && { lease, leadership, sinceMs };
}

/** Waits, or until the lead is lost, or it is stopped. */
export async function pauseInLead(ms: number, { lease }: HeldLead, signal: AbortSignal): Promise<void> {
  const joined = joinSignals([lease.lost, signal]);
  await pause(ms, joined.signal);
  joined.release();
}
