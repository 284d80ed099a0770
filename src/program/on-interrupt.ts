import type { Interrupt } from "../cli/command.ts";

const SIGNALS: readonly Interrupt[] = ["SIGINT", "SIGTERM"];

/** Calls at the first signal; the second ends the program at once, as if nobody listened. Returns what ends that. */
export function onInterrupt(call: (signal: Interrupt) => void): () => void {
  const forget = (): void => {
    for (const signal of SIGNALS) process.off(signal, note);
  };
  const note = (signal: NodeJS.Signals): void => {
    forget();
    call(signal === "SIGINT" ? "SIGINT" : "SIGTERM");
  };
  for (const signal of SIGNALS) process.on(signal, note);
  return forget;
}
