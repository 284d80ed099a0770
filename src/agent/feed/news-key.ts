import type { FeedState } from "./feed-messages.ts";

/** What is worth a message of its own when it changes: not that there was another pull. */
export function newsKey({ running, source, registries, conditions, containerdVersion }: FeedState): string {
  return JSON.stringify([
    running?.digest,
    source,
    containerdVersion,
    registries.map(({ namespace, verdict }) => [namespace, verdict]).sort(),
    conditions.map(({ type }) => type),
  ]);
}
