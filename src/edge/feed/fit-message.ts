import type { FeedError, FeedItem, FeedState } from "../../agent/feed/feed-messages.ts";

/** What may be long in Hello and in a report. */
export interface Fitting {
  readonly state: FeedState;
  readonly items?: readonly FeedItem[];
}

interface Fitted<Said> {
  readonly said: Said;
  /** What was left out or shortened, the first first; empty: nothing. */
  readonly lost: readonly string[];
}

const SHORT = 200;

/**
 * As much of what a node says as a message may hold, what counts least left out first: long texts, whose codes stay; then
 * registries that do well, which come last. A message that is too large would end the stream again and again.
 */
export function fitMessage<Said extends Fitting>(
  said: Said,
  sizeOf: (said: Said) => number,
  mostBytes: number,
): Fitted<Said> {
  let fitted = said;
  const lost: string[] = [];
  for (const { what, lessen } of STEPS) {
    if (sizeOf(fitted) <= mostBytes) break;
    const next = { ...fitted, ...lessen(fitted) };
    if (sizeOf(next) < sizeOf(fitted)) lost.push(what);
    fitted = next;
  }
  return { said: fitted, lost };
}

interface Step {
  readonly what: string;
  readonly lessen: (said: Fitting) => Partial<Fitting>;
}

const STEPS: readonly Step[] = [
  step("texts of earlier refusals", (state) => ({
    rejections: state.rejections.map((one) => ({ ...one, error: shorten(one.error, SHORT) })),
  })),
  {
    what: "texts of registries' errors",
    lessen: ({ items = [] }) => ({ items: items.map((item) => withError(item, SHORT)) }),
  },
  step("texts of conditions", (state) => ({
    conditions: state.conditions.map((one) => ({ ...one, message: clip(one.message, SHORT) })),
  })),
  {
    what: "all texts of registries' errors",
    lessen: ({ items = [] }) => ({ items: items.map((item) => withError(item, 0)) }),
  },
  ...[128, 32].map((most) =>
    step(`registries after the first ${most}`, ({ registries }) => ({
      registries: registries.slice(0, most),
    })),
  ),
  {
    what: "registries of the answer that do well",
    // Without evidence is what the fleet waits for.
    lessen: ({ items = [] }) => ({ items: items.filter(({ error, evidence }) => error || !evidence) }),
  },
];

function step(what: string, lessen: (state: FeedState) => Partial<FeedState>): Step {
  return { what, lessen: ({ state }) => ({ state: { ...state, ...lessen(state) } }) };
}

function withError({ error, ...item }: FeedItem, length: number): FeedItem {
  return { ...item, ...(error && { error: shorten(error, length) }) };
}

function shorten(error: FeedError, length: number): FeedError {
  return { ...error, message: clip(error.message, length) };
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
}
