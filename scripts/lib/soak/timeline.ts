/** Something that was so for a while; times are ms of `performance.now()`. */
export type Event =
  | { readonly kind: "mood"; readonly mirror: string; readonly mood: Mood }
  | { readonly kind: "restart"; readonly by: "agent" | "others" }
  /** Somebody else took away a file that `hosts.toml` names, or damaged it. */
  | { readonly kind: "drift"; readonly registry: string; readonly what: string };

/** `ok` and `slow` serve; all others are what mirrors do when they do not. */
export const MOODS = [
  "ok",
  "slow",
  "down",
  "500",
  "429",
  "401",
  "404",
  "reset",
  "wrong-certificate",
  "hang",
] as const;
export type Mood = (typeof MOODS)[number];

export type Happening = Event & { readonly fromMs: number; readonly toMs: number };

/** What was done to the node, when. An event that has not ended reaches to infinity. */
export interface Timeline {
  /** Ends what it returns. */
  begin(event: Event): () => void;
  all(): readonly Happening[];
}

export function recordTimeline(now: () => number): Timeline {
  const happenings: (Event & { fromMs: number; toMs: number })[] = [];
  return {
    begin(event) {
      const happening = { ...event, fromMs: now(), toMs: Number.POSITIVE_INFINITY };
      happenings.push(happening);
      return () => {
        happening.toMs = Math.min(happening.toMs, now());
      };
    },
    all: () => happenings,
  };
}

/** What was so at some moment between the two. */
export function during(all: readonly Happening[], fromMs: number, toMs: number): readonly Happening[] {
  return all.filter((happening) => happening.fromMs <= toMs && happening.toMs >= fromMs);
}
