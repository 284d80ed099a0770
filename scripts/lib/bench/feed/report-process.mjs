// Preloaded into a feed server: answers over IPC how long its event loop has stood still at most since the last question.
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
process.on("message", () => {
  const { heapUsed, external } = process.memoryUsage();
  const stallMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
  delays.reset();
  process.send?.({ heapUsed, external, stallMs });
});
process.channel?.unref();
