import type { Bundle } from "./bundle.ts";
import { type Channel, listStable } from "./channel.ts";

/** By digest: when it expires; undefined: that is not known. */
export type EndOf = (digest: string) => number | undefined;

export interface EndingState extends Bundle {
  readonly channel: string;
  readonly endMs: number;
}

/** As the alert has it. */
const SOON_MS = 7 * 86_400_000;

/**
 * Stable states that have expired, or are about to, the first to end first. What is in force stays in force; but who is
 * new, has lost it, or would go back to it refuses it from then on.
 */
export function listEnding(
  channels: readonly { readonly name: string; readonly channel: Channel }[],
  endOf: EndOf,
  nowMs: number,
): readonly EndingState[] {
  const ending = channels.flatMap(({ name, channel }) =>
    distinct(listStable(channel)).flatMap(({ digest, serial }): readonly EndingState[] => {
      const endMs = endOf(digest);
      return endMs === undefined || endMs > nowMs + SOON_MS ? [] : [{ channel: name, digest, serial, endMs }];
    }),
  );
  return ending.toSorted((a, b) => a.endMs - b.endMs);
}

function distinct(states: readonly Bundle[]): readonly Bundle[] {
  return [...new Map(states.map((state) => [state.digest, state])).values()];
}
