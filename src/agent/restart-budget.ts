import type { RestartEntry } from "./apply-record.ts";
import type { Clock } from "./ports.ts";

/**
 * At most 2 restarts in 60 s and 6 an hour, the last of each kept for a rollback. systemd's own default limit is
 * 5 starts in 10 s, after which the unit stays dead; this stays well below it.
 */
const WINDOWS = [
  { lengthMs: 60_000, limit: 2 },
  { lengthMs: 3_600_000, limit: 6 },
] as const;

/** Milliseconds until a restart for a change (not a rollback) may start; 0: now. */
export function restartWaitMs(restarts: readonly RestartEntry[], clock: Clock): number {
  const now = clock.uptimeMs();
  const recent = thisBoot(restarts, clock);
  return Math.max(0, ...WINDOWS.map(({ lengthMs, limit }) => waitFor(recent, now, lengthMs, limit - 1)));
}

/** The restarts with this moment added and what no window can see any more left out. */
export function withRestart(restarts: readonly RestartEntry[], clock: Clock): readonly RestartEntry[] {
  const now = clock.uptimeMs();
  const kept = thisBoot(restarts, clock).filter((uptimeMs) => now - uptimeMs < 3_600_000);
  return [...kept, now].map((uptimeMs) => ({ bootId: clock.bootId, uptimeMs }));
}

/** Time since boot cannot be set, so clock jumps neither grant nor take restarts; a boot starts afresh. */
function thisBoot(restarts: readonly RestartEntry[], clock: Clock): readonly number[] {
  return restarts
    .filter((entry) => entry.bootId === clock.bootId)
    .map((entry) => entry.uptimeMs)
    .sort((a, b) => a - b);
}

function waitFor(recent: readonly number[], now: number, lengthMs: number, limit: number): number {
  const inWindow = recent.filter((uptimeMs) => now - uptimeMs < lengthMs);
  if (inWindow.length < limit) return 0;
  const blocking = inWindow[inWindow.length - limit];
  return blocking === undefined ? 0 : lengthMs - (now - blocking);
}
