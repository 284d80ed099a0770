import { type FSWatcher, watch as watchDirectory } from "node:fs";

/** Has the journal read when the kernel says that it has grown, and every second for what it may not have said and for leases that are over. */
export function lookOften(directory: string, look: () => Promise<unknown>): () => void {
  let isLooking = false;
  let isDue = false;
  const start = (): void => {
    isDue = true;
    if (isLooking) return;
    isLooking = true;
    void (async () => {
      while (isDue) {
        isDue = false;
        // Calls tell what is wrong.
        await look().catch(() => undefined);
      }
      isLooking = false;
    })();
  };
  const timer = setInterval(start, LOOK_MS);
  let watcher: FSWatcher | undefined;
  try {
    watcher = watchDirectory(directory, { persistent: false }, (_event, name) => {
      if (name === "journal") start();
    });
    watcher.on("error", () => watcher?.close());
  } catch {
    // No more watches to be had on this machine: a second late, then.
  }
  return () => {
    clearInterval(timer);
    watcher?.close();
  };
}

const LOOK_MS = 1_000;
