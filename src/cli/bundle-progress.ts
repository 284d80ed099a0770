import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import { plainText } from "../core/plain-text.ts";
import type { OnProgress } from "./bundle-commands.ts";
import { hangText } from "./wrap-text.ts";

/** Where it is shown. */
export interface ProgressPlace {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Width of the terminal that stderr is; undefined: it is none. */
  readonly progressColumns: number | undefined;
}

/** Shows how far reading, or writing, has come. */
export interface BundleProgress {
  readonly note: OnProgress;
  /** The same for what is counted in pieces. */
  readonly count: (done: number, total: number) => void;
  /** A line that stays, about a wait: one now and then, however many wait. */
  readonly tellWait: (line: string) => void;
  /** Takes the line away. */
  end(): void;
}

const DRAW_MS = 100;
const LINE_MS = 5_000;
/** The first bytes tell nothing about the last ones. */
const GUESS_AFTER_MS = 2_000;

/** A line that is drawn over on a terminal; elsewhere a line now and then, and none for what is done soon. */
export function createBundleProgress(
  verb: string,
  source: string,
  write: (text: string) => void,
  { now, progressColumns: columns }: ProgressPlace,
): BundleProgress {
  const startedAt = now();
  let drawnAt = startedAt;
  let isDrawn = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  const clear = (): void => {
    if (isDrawn) write("\r\u001b[K");
    isDrawn = false;
  };
  const draw = (lineOf: (what: string, ms: number) => string): void => {
    const at = now();
    if (at - drawnAt < (columns === undefined ? LINE_MS : DRAW_MS)) return;
    drawnAt = at;
    const line = lineOf(`${verb} ${plainText(source)}`, at - startedAt);
    isDrawn = columns !== undefined;
    write(columns === undefined ? `${line}\n` : `\r\u001b[K${fit(line, columns)}`);
  };
  return {
    note: (done, total) => draw((what, ms) => progressText(what, done, total, ms)),
    count: (done, total) => draw((what) => `${what}: ${done} of ${total}`),
    tellWait(line) {
      if (now() - toldAt < LINE_MS) return;
      toldAt = now();
      clear();
      for (const one of hangText(plainText(line), columns)) write(`${one}\n`);
    },
    end: clear,
  };
}

/** `verifying a.tar.xz: 512 MB of 1.4 GB, 36 %, 120 MB/s, 0:07 left` */
function progressText(what: string, done: number, total: number | undefined, ms: number): string {
  const rate = ms > 0 ? done / ms : 0;
  const speed = `${formatBytes(rate * 1000)}/s`;
  if (total === undefined || total < done) return `${what}: ${formatBytes(done)}, ${speed}`;
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  const left = rate > 0 && ms >= GUESS_AFTER_MS ? `, ${formatDuration((total - done) / rate)} left` : "";
  return `${what}: ${formatBytes(done)} of ${formatBytes(total)}, ${percent} %, ${speed}${left}`;
}

/** The end of a line says more than its beginning. */
function fit(line: string, columns: number): string {
  const room = columns - 1;
  return line.length <= room ? line : `…${line.slice(line.length - room + 1)}`;
}
