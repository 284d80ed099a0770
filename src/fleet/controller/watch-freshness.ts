import type { ControllerPace } from "./controller-options.ts";

export type Freshness =
  | { readonly is: "fresh" }
  /** The records are fresh again, and not for long enough. */
  | { readonly is: "settling" }
  | { readonly is: "blind"; readonly forMs: number };

/** How far the records are to be trusted, asked again and again. `ageMs`: as old as they may be. */
export function watchFreshness(
  ageMs: () => number,
  uptimeMs: () => number,
  { freshMs, settleMs }: ControllerPace,
): () => Freshness {
  let freshSinceMs: number | undefined;
  let blindSinceMs = uptimeMs();
  return () => {
    const now = uptimeMs();
    if (ageMs() > freshMs) {
      if (freshSinceMs !== undefined) blindSinceMs = now;
      freshSinceMs = undefined;
      return { is: "blind", forMs: now - blindSinceMs };
    }
    freshSinceMs ??= now;
    return { is: now - freshSinceMs < settleMs ? "settling" : "fresh" };
  };
}
