import { createKeyTable } from "../../src/core/evidence/otlp/key-table.ts";
import { readSpans } from "../../src/core/evidence/otlp/read-spans.ts";
import { OtlpError } from "../../src/core/evidence/otlp/wire.ts";
import { ENTRY_KEYS } from "../../src/core/evidence/traces/read-entry-span.ts";
import { EVENT_KEYS } from "../../src/core/evidence/traces/read-log-events.ts";
import { REQUEST_KEYS } from "../../src/core/evidence/traces/read-request-span.ts";
import { createTraceCollector } from "../../src/core/evidence/traces/trace-collector.ts";
import { createRandom, mutateBytes } from "./mutate-bytes.ts";
import { mutateSpans } from "./mutate-spans.ts";
import { encodeExport, readExports, readRawExport } from "./otlp.ts";

export interface FuzzReport {
  readonly bodies: number;
  readonly accepted: number;
  readonly refused: number;
  readonly spans: number;
  readonly outputs: number;
}

const names = [
  "2.1-mixed",
  "2.1-token",
  "2.1-callers-trace",
  "2.1-ctr-push",
  "1.7-info-404",
  "1.7-debug-mixed",
];

/**
 * Puts mutated exports through the reader and the collector, of which only an OtlpError may come. `onProgress` is
 * called now and then. Rejects nothing, throws what was thrown, with the body in hex.
 */
export function fuzzSpans(
  count: number,
  seed: number,
  onProgress: (done: number) => void = () => {},
): FuzzReport {
  const random = createRandom(seed);
  const keys = createKeyTable([...REQUEST_KEYS, ...ENTRY_KEYS, ...EVENT_KEYS]);
  const seeds = [
    ...names.flatMap((name) => readExports(name).map((spans) => encodeExport(spans))),
    readRawExport("1.7-missing"),
  ];
  const spanSeeds = names.flatMap((name) => readExports(name).flat());
  const watched = [{ namespace: "gcr.io", mirrors: ["http://127.0.0.1:5000"], upstream: "allow" as const }];
  const collector = createTraceCollector({ watched: () => watched, witnessHost: () => undefined });
  let [accepted, refused, spans, outputs] = [0, 0, 0, 0];
  for (let done = 1; done <= count; done++) {
    // The bytes of most bodies no longer parse; those of every fifth do, and say strange things.
    const body = random() < 0.2 ? encodeExport(mutateSpans(spanSeeds, random)) : mutateBytes(seeds, random);
    try {
      const read = readSpans(body, { keys, latestMs: 2e12 });
      accepted++;
      spans += read.length;
      outputs += collector.add(read, done * 10).length + collector.expire(done * 10).length;
    } catch (error) {
      if (!(error instanceof OtlpError))
        throw new Error(`body ${done}: ${Buffer.from(body).toString("hex")}`, { cause: error });
      refused++;
    }
    if (done % 10_000 === 0) onProgress(done);
  }
  return { bodies: count, accepted, refused, spans, outputs };
}
