/**
 * Calls `onStall` after this thread did not turn for longer than `limitMs`: it was frozen, or the machine had no time for
 * it. Holds no process up. Returns what ends it.
 */
export function watchStalls(everyMs: number, limitMs: number, onStall: () => void): () => void {
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (nowMs - lastMs > limitMs) onStall();
    lastMs = nowMs;
  }, everyMs).unref();
  return () => clearInterval(timer);
}
