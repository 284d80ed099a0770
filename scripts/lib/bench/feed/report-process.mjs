// Preloaded into a feed server: answers over IPC how long its event loop has stood still at most since the last question.
// Looks from the first question on, for looking costs 3 % of a core.
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
process.on("message", () => {
  process.send?.({ stallMs: Math.max(0, delays.max / 1e6 - RESOLUTION_MS) });
  delays.enable();
  delays.reset();
});
// Whoever measures is gone.
process.on("disconnect", () => process.exit(1));
process.channel?.unref();
