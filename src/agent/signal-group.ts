/** Signals that can be ended together, one for each piece of work. */
export interface SignalGroup {
  /** Gives `work` a signal of its own. */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Ends those at work, and all that come later. */
  end(): void;
}

/**
 * A single signal for dozens of questions at once would get a listener from each, which Node takes for a leak and warns
 * of; and `AbortSignal.any` leaves something behind at a signal that lives as long as the agent.
 */
export function createSignalGroup(): SignalGroup {
  const open = new Set<AbortController>();
  let hasEnded = false;
  return {
    async run(work) {
      const controller = new AbortController();
      if (hasEnded) controller.abort();
      open.add(controller);
      try {
        return await work(controller.signal);
      } finally {
        open.delete(controller);
      }
    },
    end() {
      hasEnded = true;
      for (const controller of open) controller.abort();
    },
  };
}
