import { formatDuration } from "../core/bundle/push/format-amount.ts";
import type { PlannedImage } from "../core/bundle/push/plan-push.ts";
import type { PushEvent } from "../core/bundle/push/push-event.ts";
import { createPushProgress, type PushView } from "../core/bundle/push/push-progress.ts";
import { plainText } from "../core/plain-text.ts";
import { progressLine, progressLines } from "./push-progress-text.ts";
import type { RecalledImage } from "./push-registry.ts";
import { clipText, hangText } from "./wrap-text.ts";

/** Where progress is shown: lines that are drawn over and over, lines that stay, or a JSON document a line. */
export interface DisplayPlace {
  readonly kind: "terminal" | "lines" | "json";
  readonly columns: number;
  readonly write: (text: string) => void;
  readonly now: () => number;
  /** Calls again and again; returns what ends it. */
  readonly every: (ms: number, call: () => void) => () => void;
}

export interface PushDisplay {
  note(event: PushEvent): void;
  /** The bundles have been read: these are to be pushed. */
  plan(images: readonly PlannedImage[]): void;
  /** Writes lines that stay. */
  write(text: string): void;
  /** All of them were pushed before and are there. */
  recall(images: readonly RecalledImage[]): void;
  /** Leaves what stays. */
  end(): PushView;
}

const DRAW_MS = 150;
const LINE_MS = 5_000;
const LONG_WAIT_MS = 2_000;

/** Shows a push while it goes on; `images`: undefined as long as nobody knows them. */
export function createPushDisplay(
  images: readonly PlannedImage[] | undefined,
  place: DisplayPlace,
): PushDisplay {
  const progress = createPushProgress(images, place.now());
  const view = (): PushView => progress.view(place.now());
  const shown = place.kind === "terminal" ? liveLines(place) : undefined;
  let toldRetryAt = Number.NEGATIVE_INFINITY;
  let toldReadAt = Number.NEGATIVE_INFINITY;
  const say = (text: string): void => {
    shown?.clear();
    for (const line of hangText(plainText(text), shown && place.columns)) place.write(`${line}\n`);
  };
  const draw = (): void => {
    if (shown !== undefined) shown.draw(progressLines(view(), place.columns));
    else if (place.kind === "lines") place.write(`${progressLine(view())}\n`);
  };
  const stop = place.kind === "json" ? () => {} : place.every(shown === undefined ? LINE_MS : DRAW_MS, draw);
  return {
    note(event) {
      progress.note(event, place.now());
      if (place.kind === "json") {
        // Several of these a second would be of use to nobody.
        if (event.kind === "read") {
          if (place.now() - toldReadAt < LINE_MS) return;
          toldReadAt = place.now();
        }
        if (event.kind !== "blob-sent") place.write(`${JSON.stringify({ schema: SCHEMA, event })}\n`);
        return;
      }
      if (event.kind === "image-end" && event.result !== "left") {
        const line = imageLine(event);
        // The summary has all of it: here one line is enough to see what goes wrong.
        if (line !== undefined) say(shown === undefined ? line : clipText(line, place.columns - 2));
      }
      if (event.kind === "concurrency")
        say(
          `the registry ${event.limit === 1 ? "gets one upload" : `gets ${event.limit} uploads`} at a time now`,
        );
      if (event.kind === "sent-twice")
        say(
          `layers wait in a staging repository, as their images come later, and cannot be mounted from there (${event.why}): they are fetched back and sent once more; from a file they would be sent once`,
        );
      const mayTell = place.now() - toldRetryAt >= LINE_MS;
      if (event.kind === "retry" && event.delayMs >= LONG_WAIT_MS && mayTell) {
        toldRetryAt = place.now();
        say(`again in ${formatDuration(event.delayMs)}: ${event.reason}`);
      }
    },
    plan: progress.plan,
    write(text) {
      shown?.clear();
      place.write(text);
    },
    recall(images) {
      for (const { bytes, result } of images) {
        progress.noteThere(bytes);
        this.note({ kind: "image-end", ...result });
      }
    },
    end() {
      stop();
      shown?.clear();
      return view();
    },
  };
}

const SCHEMA = "mirrorlet.push-event/v1";

/** Images that were there are told in the end: there may be hundreds. */
function imageLine(event: Extract<PushEvent, { kind: "image-end" }>): string | undefined {
  const { name, result, reason } = event;
  if (result === "failed") return `failed  ${name}: ${reason ?? ""}`;
  return result === "pushed" ? `pushed  ${name}` : undefined;
}

/** Lines at the bottom of a terminal that are written over. */
function liveLines({ write }: DisplayPlace) {
  let height = 0;
  const clear = (): void => {
    if (height > 0) write(`\x1b[${height}A\x1b[J`);
    height = 0;
  };
  return {
    clear,
    draw(lines: readonly string[]) {
      const up = height > 0 ? `\x1b[${height}A` : "";
      write(`${up}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
      height = lines.length;
    },
  };
}
