const DEFAULT_REPORT_BY_MS = 600_000;
const TRYING_SHARE = 0.8;

/** How long something is tried again before the answer is that it failed, ms: the rest is for going back, and for saying so. */
export function tryingTimeMs({ reportByMs }: { readonly reportByMs: number }): number {
  return (reportByMs || DEFAULT_REPORT_BY_MS) * TRYING_SHARE;
}
