/** A moment that survives clock changes: milliseconds since a given boot. */
export interface Moment {
  readonly bootId: string;
  readonly uptimeMs: number;
}

/**
 * Far below systemd's default limit of 5 starts in 10 s, after which a unit stays dead, and above what an agent allows
 * itself. The last of each is kept for a restart after something was put back.
 */
const WINDOWS = [
  { lengthMs: 60_000, limit: 4 },
  { lengthMs: 3_600_000, limit: 12 },
] as const;

/** Milliseconds until a restart is allowed; 0: now. `isWayBack`: what was there before has just been put back. */
export function allowanceMs(restarts: readonly Moment[], now: Moment, isWayBack: boolean): number {
  const recent = thisBoot(restarts, now);
  return Math.max(
    0,
    ...WINDOWS.map(({ lengthMs, limit }) =>
      waitFor(recent, now.uptimeMs, lengthMs, isWayBack ? limit : limit - 1),
    ),
  );
}

/** With this one added, and without those that no window sees any more. */
export function withMoment(restarts: readonly Moment[], now: Moment): readonly Moment[] {
  const kept = thisBoot(restarts, now).filter((uptimeMs) => now.uptimeMs - uptimeMs < 3_600_000);
  return [...kept, now.uptimeMs].map((uptimeMs) => ({ bootId: now.bootId, uptimeMs }));
}

/** What is assumed where nothing is known any more: only the way back is open at once. */
export function spentAllowance(now: Moment): readonly Moment[] {
  return Array.from({ length: WINDOWS[0].limit - 1 }, () => now);
}

function thisBoot(restarts: readonly Moment[], { bootId }: Moment): readonly number[] {
  return restarts
    .filter((moment) => moment.bootId === bootId)
    .map(({ uptimeMs }) => uptimeMs)
    .sort((a, b) => a - b);
}

function waitFor(recent: readonly number[], now: number, lengthMs: number, limit: number): number {
  const inWindow = recent.filter((uptimeMs) => now - uptimeMs < lengthMs);
  const blocking = inWindow.length < limit ? undefined : inWindow[inWindow.length - limit];
  return blocking === undefined ? 0 : lengthMs - (now - blocking);
}
