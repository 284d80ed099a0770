import type { Socket } from "node:net";
import type { RegistryError } from "./registry-error.ts";

/** Waits for a socket's next step; an end of the time, of the signal or of the socket itself is an error. */
export function settle<T extends Socket>(
  socket: T,
  event: "connect" | "secureConnect",
  timeoutMs: number,
  signal: AbortSignal,
  explain: (error: unknown) => RegistryError,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new TimedOut(`nothing within ${timeoutMs / 1000} s`)), timeoutMs);
    const onAbort = (): void => fail(new TimedOut("no answer before the time for it was over"));
    const onClose = (): void => fail(new Error("the connection was closed"));
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("close", onClose);
    };
    const fail = (error: unknown): void => {
      done();
      socket.destroy();
      reject(explain(error));
    };
    // Stays: an error after this phase must find a listener; the next phase sees the close.
    socket.on("error", fail);
    socket.once("close", onClose);
    socket.once(event, () => {
      done();
      resolve(socket);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

class TimedOut extends Error {
  readonly code = "ETIMEDOUT";
}
