import type { LeftOver } from "../core/bundle/push/left-over.ts";
import type { PlannedImage } from "../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../core/bundle/push/push-event.ts";
import { plainText } from "../core/plain-text.ts";
import { type ExitCode, printJson } from "./command.ts";
import type { Push } from "./push.ts";
import { createPushDisplay, type PushDisplay } from "./push-display.ts";
import type { Interrupt } from "./push-registry.ts";
import { nameOfTarget, stoppedText, summaryText } from "./push-text.ts";

/** What a push came to. */
export interface PushEnd {
  /** Undefined: it was told why there are none. */
  readonly results?: readonly ImageResult[] | undefined;
  /** A repository that stays and that nobody needs. */
  readonly leftOver?: LeftOver | undefined;
}

const INTERRUPTED: Readonly<Record<Interrupt, ExitCode>> = { SIGINT: 130, SIGTERM: 143 };

/**
 * Shows a push from its start to its summary, also when somebody ends it before. What `work` throws is explained.
 * `images`: undefined as long as nobody knows them.
 */
export async function showPush(
  images: readonly PlannedImage[] | undefined,
  { wish, io, deps }: Push,
  registry: { stop(): void },
  work: (display: PushDisplay) => Promise<PushEnd>,
): Promise<ExitCode> {
  const { place } = deps;
  const startMs = place.now();
  const display = createPushDisplay(images, {
    ...place,
    write: io.stderr,
    kind: io.json ? "json" : place.isTerminal ? "terminal" : "lines",
  });
  let interrupt: Interrupt | undefined;
  const forget = deps.onInterrupt((signal) => {
    interrupt = signal;
    registry.stop();
  });
  const ended = await work(display).then(
    (end) => ({ end }),
    (error: unknown) => ({ error }),
  );
  forget();
  const view = display.end();
  const target = nameOfTarget(wish.target);
  const tookMs = place.now() - startMs;
  const code = interrupt === undefined ? undefined : INTERRUPTED[interrupt];
  const { results = [], leftOver } = "end" in ended ? ended.end : {};
  if ("error" in ended && code === undefined) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(ended.error))}\n`);
    io.stderr(`mirrorlet: no image was pushed\n`);
  }
  if ("end" in ended && ended.end.results === undefined) return code ?? 65;
  if (io.json)
    printJson(io, "push", {
      target,
      images: results,
      bytes: view.bytes,
      tookMs,
      interrupt,
      leftOver: leftOver?.repository,
      leftOverWhy: leftOver?.why,
    });
  else if ("error" in ended) {
    const hasCome = view.bytes.sent + view.bytes.there > 0;
    const isBad = code === undefined && deps.isBundleError(ended.error);
    if (hasCome || code !== undefined) io.stdout(stoppedText(view, { target, tookMs, isBad }));
  } else io.stdout(summaryText(results, view, { target, tookMs, columns: io.columns ?? 80, leftOver }));
  if (code !== undefined) return code;
  if ("error" in ended) return deps.isBundleError(ended.error) ? 65 : 1;
  return results.every(({ result }) => result === "pushed" || result === "there") ? 0 : 1;
}
