import { setMaxListeners } from "node:events";

export interface JoinedSignal {
  /** Aborted as soon as one of them is. */
  readonly signal: AbortSignal;
  /** Has to be called at the end: until then the joined ones hold on to this one. */
  release(): void;
}

/** `AbortSignal.any` of Node 20 keeps something of every call for as long as the joined signals live. */
export function joinSignals(signals: readonly AbortSignal[]): JoinedSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const signal of signals) {
    // Many calls at a time may have the same.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  }
  setMaxListeners(0, controller.signal);
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) signal.removeEventListener("abort", abort);
    },
  };
}
