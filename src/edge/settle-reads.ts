import { setImmediate, setTimeout as sleep } from "node:timers/promises";

/**
 * Reading what others write without waiting for them first: the first touch asks for a reading at once, and the
 * time that a writer is given to finish passes while what he wrote so far is being read and understood. Only what
 * nobody has touched since, and for `quietMs` before it is handed out, counts.
 */
export interface SettledReads {
  /** Something was touched just now. */
  touched(): void;
  /**
   * What `read` gives, read anew as long as somebody goes on writing, but for no longer than `maxMs`: after that it
   * is handed out as it is, and another reading asked for.
   */
  settled<T>(read: () => Promise<T>): Promise<T>;
}

/** `onTouched` asks for a reading; it is not called again until one has begun. */
export function createSettledReads(quietMs: number, maxMs: number, onTouched: () => void): SettledReads {
  let touches = 0;
  let lastTouchMs = Number.NEGATIVE_INFINITY;
  let asked = false;
  let reading = false;
  const ask = (): void => {
    if (asked || reading) return;
    asked = true;
    onTouched();
  };
  /** Waits until nobody has touched anything for a while; false at the deadline. */
  const quiet = async (deadlineMs: number): Promise<boolean> => {
    for (;;) {
      const nowMs = performance.now();
      const dueMs = lastTouchMs + quietMs;
      if (dueMs <= nowMs) return true;
      if (deadlineMs <= nowMs) return false;
      await sleep(Math.min(dueMs, deadlineMs) - nowMs);
    }
  };
  return {
    touched() {
      touches++;
      lastTouchMs = performance.now();
      ask();
    },
    async settled(read) {
      const deadlineMs = performance.now() + maxMs;
      let seen = touches;
      asked = false;
      reading = true;
      try {
        for (;;) {
          // One change is several touches in the same turn of the event loop.
          await setImmediate();
          seen = touches;
          const result = await read();
          if ((await quiet(deadlineMs)) && touches === seen) return result;
          if (performance.now() >= deadlineMs) return result;
        }
      } finally {
        reading = false;
        if (touches !== seen) ask();
      }
    },
  };
}
