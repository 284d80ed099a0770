import type { Applied } from "./feed-memory.ts";
import type { FeedError, FeedItem } from "./feed-messages.ts";

const MOST_ITEMS = 256;

/** How each host namespace that an assignment has changed stands; `error` is what it ended by. */
export function listItems(applied: Applied | undefined, error?: FeedError): readonly FeedItem[] {
  return (applied?.changed ?? []).slice(0, MOST_ITEMS).map((namespace) => {
    const evidence = applied?.observed[namespace];
    if (error?.item === namespace) return { namespace, phase: "reverted", error };
    return evidence === undefined
      ? { namespace, phase: "applied" }
      : { namespace, phase: "observed", evidence };
  });
}
