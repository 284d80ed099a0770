import { formatMoment } from "../core/evidence/format-age.ts";
import type { Sha256 } from "../core/fleet/membership.ts";
import { type CommandIo, type ExitCode, INTERRUPTED, type Interrupt } from "./command.ts";
import { type RolloutReport, reportRollout } from "./fleet-report.ts";
import { rolloutJson } from "./fleet-rollout-json.ts";
import { isAtRest, progressLine, tellRolloutNews } from "./fleet-rollout-news.ts";
import { rolloutColor } from "./fleet-rollout-sentence.ts";
import { rolloutLines } from "./fleet-rollout-text.ts";
import type { FleetStorePort } from "./fleet-store-port.ts";
import { createPaint, RED } from "./paint.ts";
import { clipText } from "./wrap-text.ts";

export interface WatchDeps {
  readonly store: FleetStorePort;
  /** Returns what ends that. */
  readonly onInterrupt: (call: (signal: Interrupt) => void) => () => void;
  readonly sha256: Sha256;
}

/** Without a terminal, how often a line says how far it is where nothing else is to be told. */
const QUIET_MS = 30_000;

/**
 * Follows a rollout until nothing more happens by itself: what happens as lines, in between how far it is, at the end all
 * of it. With --json a document a line for each change. 0: it is done. Who interrupts it ends the watching alone.
 */
export async function watchRollout(id: string, io: CommandIo, deps: WatchDeps): Promise<ExitCode> {
  const stopping = new AbortController();
  const progress = showProgress(io);
  let last: RolloutReport | undefined;
  let lastMs = 0;
  let isMissing = false;
  const { signal } = stopping;
  let interrupt: Interrupt | undefined;
  const forget = deps.onInterrupt((name) => {
    interrupt = name;
    stopping.abort();
  });
  const over = io.stdoutClosed === undefined ? signal : AbortSignal.any([signal, io.stdoutClosed]);
  await deps.store.watch(over, (picture) => {
    const report = reportRollout(picture, id, deps.sha256);
    isMissing = report === undefined;
    if (report !== undefined) {
      tell(last, report, picture.atMs, io, progress);
      [last, lastMs] = [report, picture.atMs];
    }
    if (report === undefined || isAtRest(report)) stopping.abort();
  });
  forget();
  progress.clear();
  if (interrupt !== undefined) return INTERRUPTED[interrupt];
  if (last === undefined || isMissing) {
    io.stderr(`mirrorlet: there is no rollout ${id}\n`);
    return 2;
  }
  const style = { paint: createPaint(io.color), columns: io.columns };
  if (!io.json) io.stdout(`\n${rolloutLines(last, lastMs, style).join("\n")}\n`);
  return exitCodeOf(last);
}

/** 0: done, or on its way · 1: it has halted, goes or went back, or cannot go on. */
export function exitCodeOf(report: RolloutReport): ExitCode {
  const { phase } = report.state;
  return rolloutColor(report) === RED || phase === "reverted" || report.isFrozen ? 1 : 0;
}

function tell(
  before: RolloutReport | undefined,
  after: RolloutReport,
  nowMs: number,
  io: CommandIo,
  progress: Progress,
): void {
  const news = tellRolloutNews(before, after, nowMs);
  const line = progressLine(after, nowMs);
  if (io.json) {
    if (news.length > 0 || (before && progressLine(before, nowMs)) !== line)
      io.stdout(
        `${JSON.stringify({ schema: "mirrorlet.fleet-rollout/v1", ...rolloutJson(after, nowMs) })}\n`,
      );
    return;
  }
  if (news.length > 0) progress.clear();
  const clock = formatMoment(nowMs).slice(11);
  for (const one of news) io.stdout(`${clock} ${one}\n`);
  progress.show(line, nowMs, news.length > 0);
}

interface Progress {
  show(line: string, nowMs: number, hasNews: boolean): void;
  clear(): void;
}

function showProgress(io: CommandIo): Progress {
  const { progressColumns } = io;
  let shown = "";
  let shownMs = 0;
  return {
    show(line, nowMs, hasNews) {
      if (progressColumns !== undefined) {
        io.stderr(`\r\u001b[K${clipText(line, progressColumns - 1)}`);
        shown = line;
      } else if (hasNews) [shown, shownMs] = [line, nowMs];
      else if (line !== shown && nowMs - shownMs >= QUIET_MS) {
        io.stderr(`${line}\n`);
        [shown, shownMs] = [line, nowMs];
      }
    },
    clear() {
      if (progressColumns !== undefined && shown !== "") io.stderr("\r\u001b[K");
      shown = "";
    },
  };
}
