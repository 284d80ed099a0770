/** How often a process looks at itself. */
const LOOK_MS = 5_000;
/** Less than that is not worth the collection. */
const GROWN_BYTES = 8 * 2 ** 20;
/** Of the time since the last look, in which the event loop had something to do, or waited for a processor to do it. */
const BUSY_SHARE = 0.2;

/**
 * Gives memory that nothing needs any more back to the system, soon after the start and then whenever the process has
 * grown and rests. V8 keeps pages that its heap has left, for a heap that may grow again: 40 MiB after a thousand
 * registries were looked at once, and they stay for ever, for only a collection of last resort lets go of them. That takes
 * 30 ms, and half a second with a thousand registries in hand, in which nobody is answered: hence not amidst work, which
 * would fill the heap again. Does nothing without `--expose-gc`, which the units have. Returns what ends it.
 */
export function returnMemory(everyMs = LOOK_MS): () => void {
  const { gc } = globalThis;
  if (gc === undefined) return () => undefined;
  let least = 0;
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const isBusy = performance.eventLoopUtilization(before).utilization > BUSY_SHARE;
    const rss = process.memoryUsage.rss();
    if (rss > least + GROWN_BYTES && !isBusy) {
      void gc({ type: "major", flavor: "last-resort", execution: "sync" });
      least = process.memoryUsage.rss();
    } else least = Math.min(least, rss);
    before = performance.eventLoopUtilization();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
