import type { WatchedRegistry } from "./evidence-report.ts";

/** What is in force for a host namespace: its own entry, or else the one for all others, `*`. */
export function findWatched(
  watched: readonly WatchedRegistry[],
  namespace: string,
): WatchedRegistry | undefined {
  const own = watched.find((each) => each.namespace === namespace);
  return own ?? watched.find((each) => each.namespace === "*");
}
