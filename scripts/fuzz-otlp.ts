// scripts/fuzz-otlp starts this, with a small heap and `gc`.
import { fuzzSpans } from "../test/support/fuzz-spans.ts";

const [count = "1000000", seed = String(Date.now() % 0x1_0000_0000)] = process.argv.slice(2);
const say = (text: string): void => void process.stderr.write(`fuzz-otlp: ${text}\n`);

say(`${count} bodies, seed ${seed}`);
const startMs = performance.now();
/** After a collection, in bytes: what is really kept. */
const heaps: number[] = [];
const report = fuzzSpans(Number(count), Number(seed), (done) => {
  globalThis.gc?.();
  heaps.push(process.memoryUsage().heapUsed);
  if (done % 100_000 === 0) say(`${done}, ${mib(heaps.at(-1) ?? 0)} MiB kept`);
});
const seconds = (performance.now() - startMs) / 1000;
const most = heaps.reduce((max, heap) => Math.max(max, heap), 0);
process.stdout.write(`${JSON.stringify({ seed: Number(seed), ...report, seconds: Math.round(seconds) })}\n`);
process.stdout.write(
  `heap kept: ${mib(heaps[0] ?? 0)} MiB at first, ${mib(most)} MiB at most, ${mib(heaps.at(-1) ?? 0)} MiB at the end\n`,
);
process.stdout.write(`resident at most: ${mib(process.resourceUsage().maxRSS * 1024)} MiB\n`);

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
