import type { Gradual } from "../core/gradual.ts";
import type { Clock } from "./ports.ts";

/** What turns are measured and given by. */
export type TurnClock = Pick<Clock, "loopMs" | "turn">;

/**
 * Work of this length holds nobody up: health checks, the watchdog's ping and pulls that are observed wait for it on
 * the one loop there is.
 */
const SLICE_MS = 20;

/** To be awaited between the items of a long loop: where a slice is over, whatever waits has its turn first. */
export function takeTurns(clock: TurnClock): () => Promise<void> {
  let sinceMs = clock.loopMs();
  return async () => {
    if (clock.loopMs() - sinceMs < SLICE_MS) return;
    await clock.turn();
    sinceMs = clock.loopMs();
  };
}

/** Does work that can be laid down, slice by slice. */
export async function inTurns<T>(work: Gradual<T>, clock: TurnClock): Promise<T> {
  const turn = takeTurns(clock);
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    await turn();
  }
}
