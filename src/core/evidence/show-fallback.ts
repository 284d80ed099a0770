import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type { Fallback } from "./evidence-report.ts";
import type { Ledger } from "./ledger.ts";

/** Who knows more of why; the witness only knows that. */
const RANKS: readonly Fallback["source"][] = ["trace", "log", "witness"];

/** Of two that tell of the same request, the one that knows more is shown. */
export function showFallback({ recentFallbacks }: Ledger, fallback: Fallback): void {
  const isSame = (other: Fallback) =>
    other.registry === fallback.registry && other.repository === fallback.repository;
  const near = recentFallbacks.filter(
    (other) => isSame(other) && Math.abs(other.atMs - fallback.atMs) < 10_000,
  );
  const known = near.find(
    ({ object, kind, source }) =>
      object === fallback.object && kind === fallback.kind && source !== fallback.source,
  );
  if (known !== undefined) {
    if (RANKS.indexOf(fallback.source) < RANKS.indexOf(known.source))
      recentFallbacks[recentFallbacks.indexOf(known)] = fallback;
    return;
  }
  if (near.length >= EVIDENCE_LIMITS.fallbacksOfOnePull) return;
  const place = recentFallbacks.findIndex(({ atMs }) => atMs <= fallback.atMs);
  recentFallbacks.splice(place === -1 ? recentFallbacks.length : place, 0, fallback);
  recentFallbacks.length = Math.min(recentFallbacks.length, EVIDENCE_LIMITS.recentFallbacks);
}
