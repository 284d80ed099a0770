import type { PushEvent } from "../core/bundle/push/push-event.ts";
import type { Push } from "./push.ts";
import { createPushDisplay } from "./push-display.ts";

/** Shows how far bundles have been read, where nothing is sent meanwhile. */
export async function showReading<T>(
  { io, deps: { place } }: Pick<Push, "io" | "deps">,
  read: (note: (event: PushEvent) => void) => Promise<T>,
): Promise<T> {
  const display = createPushDisplay(undefined, {
    ...place,
    write: io.stderr,
    kind: io.json ? "json" : place.isTerminal ? "terminal" : "lines",
  });
  try {
    return await read(display.note);
  } finally {
    display.end();
  }
}
