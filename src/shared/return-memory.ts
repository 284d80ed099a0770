/** How often a process looks at itself. */
const LOOK_MS = 10_000;
/** Less than that is not worth the collection. */
const GROWN_BYTES = 8 * 2 ** 20;

/**
 * Gives memory that nothing needs any more back to the system, soon after the start and then whenever the process has
 * grown. V8 keeps pages that its heap has left, for a heap that may grow again: 40 MiB after a thousand registries were
 * looked at once, and they stay for ever, for only a collection of last resort lets go of them. That takes some 30 ms.
 * Does nothing without `--expose-gc`, which the units have. Returns what ends it.
 */
export function returnMemory(everyMs = LOOK_MS): () => void {
  const { gc } = globalThis;
  if (gc === undefined) return () => undefined;
  let least = 0;
  const timer = setInterval(() => {
    const rss = process.memoryUsage.rss();
    if (rss > least + GROWN_BYTES) {
      void gc({ type: "major", flavor: "last-resort", execution: "sync" });
      least = process.memoryUsage.rss();
    } else least = Math.min(least, rss);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
