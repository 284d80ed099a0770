import type { LeftOver } from "../core/bundle/push/left-over.ts";
import type { PlannedImage } from "../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../core/bundle/push/push-event.ts";
import { plainText } from "../core/plain-text.ts";
import { type ExitCode, INTERRUPTED, type Interrupt, printJson } from "./command.ts";
import type { Push } from "./push.ts";
import { createPushDisplay, type PushDisplay } from "./push-display.ts";
import { nameOfTarget, stoppedText, summaryText } from "./push-text.ts";

/** What a push came to. */
export interface PushEnd {
  /** Undefined: it was told why there are none. */
  readonly results?: readonly ImageResult[] | undefined;
  /** Images that were not pushed, and what to do about each. */
  readonly leftOut?: readonly string[];
}

/** A push, and what comes after it however it ended. */
export interface PushWork {
  run(display: PushDisplay): Promise<PushEnd>;
  /** Returns a repository that stays, or its name. */
  clean?(isWhole: boolean): Promise<LeftOver | undefined>;
}

/**
 * Shows a push from its start to its summary, also when somebody ends it before. What `work` throws is explained.
 * `images`: undefined as long as nobody knows them.
 */
export async function showPush(
  images: readonly PlannedImage[] | undefined,
  { wish, io, deps }: Push,
  registry: { stop(): void },
  { run, clean }: PushWork,
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
  const ended = await run(display).then(
    (end) => ({ end }),
    (error: unknown) => ({ error }),
  );
  const { results = [], leftOut = [] } = "end" in ended ? ended.end : {};
  const isWhole = leftOut.length === 0 && results.length > 0 && results.every(isThere);
  const leftOver = await clean?.(isWhole);
  forget();
  const view = display.end();
  const target = nameOfTarget(wish.target);
  const tookMs = place.now() - startMs;
  const code = interrupt === undefined ? undefined : INTERRUPTED[interrupt];
  if ("error" in ended && code === undefined) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(ended.error))}\n`);
    io.stderr(`mirrorlet: no image was pushed\n`);
  }
  const stopped = (isBad: boolean): void => {
    const hasCome = view.bytes.sent + view.bytes.there > 0;
    if (hasCome || code !== undefined)
      io.stdout(stoppedText(view, { target, tookMs, isBad, columns: io.columns ?? 80, leftOver }));
  };
  if ("end" in ended && ended.end.results === undefined) {
    if (!io.json) stopped(false);
    return code ?? 65;
  }
  if (io.json)
    printJson(io, "push", {
      target,
      images: results,
      leftOut,
      bytes: view.bytes,
      tookMs,
      interrupt,
      leftOver: leftOver?.repository,
      leftOverHolds: leftOver?.holds,
      leftOverWhy: leftOver?.why,
    });
  else if ("error" in ended) {
    stopped(code === undefined && deps.isBundleError(ended.error));
  } else
    io.stdout(summaryText(results, view, { target, tookMs, columns: io.columns ?? 80, leftOver, leftOut }));
  if (code !== undefined) return code;
  if ("error" in ended) return deps.isBundleError(ended.error) ? 65 : 1;
  return leftOut.length === 0 && results.every(isThere) ? 0 : 1;
}

function isThere({ result }: ImageResult): boolean {
  return result === "pushed" || result === "there";
}
