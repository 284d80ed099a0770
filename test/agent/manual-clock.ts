import type { Clock } from "../../src/agent/ports.ts";

export interface ManualClock extends Clock {
  /** Lets time pass: who sleeps till then wakes, in order, and whatever follows at once is done when it resolves. */
  pass(ms: number): Promise<void>;
}

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until the test lets time pass. */
export function createManualClock(): ManualClock {
  let uptimeMs = 1_000_000;
  let sleepers: readonly Sleeper[] = [];
  return {
    bootId: "boot",
    now: () => 1_700_000_000_000 + uptimeMs,
    uptimeMs: () => uptimeMs,
    loopMs: () => uptimeMs,
    turn: () => Promise.resolve(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { untilMs: uptimeMs + ms, wake: resolve };
        const abort = (): void => {
          sleepers = sleepers.filter((each) => each !== sleeper);
          reject(signal?.reason);
        };
        if (signal?.aborted === true) return abort();
        signal?.addEventListener("abort", abort, { once: true });
        sleepers = [...sleepers, sleeper];
      }),
    async pass(ms) {
      const endMs = uptimeMs + ms;
      await settle();
      for (;;) {
        const next = sleepers.toSorted((a, b) => a.untilMs - b.untilMs)[0];
        if (next === undefined || next.untilMs > endMs) break;
        uptimeMs = Math.max(uptimeMs, next.untilMs);
        sleepers = sleepers.filter((each) => each !== next);
        next.wake();
        await settle();
      }
      uptimeMs = endMs;
    },
  };
}

/** Everything that waits for nothing but earlier promises. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
