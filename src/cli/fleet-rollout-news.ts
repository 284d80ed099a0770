import type { Counts } from "../core/fleet/assess-wave.ts";
import { isEnded } from "../core/fleet/rollout-state.ts";
import { plainText } from "../core/plain-text.ts";
import { countNodes, drawBar, formatCount } from "./fleet-figures.ts";
import type { RolloutReport } from "./fleet-report.ts";
import { rolloutSentence } from "./fleet-rollout-sentence.ts";

/**
 * What has happened between two looks at a rollout, a line each; without an earlier look, where it stands. Numbers that
 * only grow are no news: `progressLine` has them.
 */
export function tellRolloutNews(
  before: RolloutReport | undefined,
  after: RolloutReport,
  nowMs: number,
): readonly string[] {
  if (before === undefined) return [rolloutSentence(after, nowMs)];
  const isMoved = placeOf(before) !== placeOf(after);
  const lines = isMoved ? [...leftBehind(before, after), rolloutSentence(after, nowMs)] : [];
  const { halted } = after.state;
  if (halted !== undefined && halted.atMs !== before.state.halted?.atMs)
    lines.push(plainText(`${after.spec.id}: ${halted.code}: ${halted.message}`));
  const bad = sumBad(after);
  const what =
    after.state.phase === "preflight" ? "say that it would not work there" : "failed or lost so far";
  if (bad > sumBad(before) && !isMoved) lines.push(`${after.spec.id}: ${countNodes(bad)} ${what}`);
  return lines;
}

/** Everything that is told when it changes. */
function placeOf({ state, waits, isFrozen }: RolloutReport): string {
  const { phase, wave, attempt, paused, expedited, halted } = state;
  // What it waits for within a wave comes and goes with each answer.
  const isWaiting = waits === "wave" || waits === "preflight" || waits === undefined ? "" : waits;
  return JSON.stringify([phase, wave, attempt, paused, expedited, halted?.code, isWaiting, isFrozen]);
}

/** In the numbers of the later look: those of the earlier one are of nodes that were still under way then. */
function leftBehind({ state: was }: RolloutReport, { state, spec, summary }: RolloutReport): string[] {
  const isDone = was.phase === "waves" && (state.phase === "done" || state.wave > was.wave);
  const wave = summary.waves[was.wave];
  if (!isDone || wave === undefined) return [];
  const counts = wave.counts === undefined ? "" : `: ${describeCounts(wave.counts)}`;
  return [plainText(`${spec.id}: wave ${was.wave + 1} (${wave.name}) is done${counts}`)];
}

/** `stable-8 3/5 10-percent [###---]  28 %  211 done, 217 under way, 4 failed`, of the wave that goes on. */
export function progressLine(report: RolloutReport, nowMs: number): string {
  const { spec, state, summary } = report;
  const { preflight, progress } = summary;
  if (preflight !== undefined) {
    const { ok, failed, pending } = preflight;
    const bar = drawBar(ok + failed, ok + failed + pending, 20);
    return `${spec.id} preflight ${bar}  ${formatCount(ok)} would work, ${formatCount(failed)} would not`;
  }
  const wave = summary.waves[state.wave];
  if (state.phase === "reverting" && progress !== undefined)
    return `${spec.id} going back ${drawBar(progress.done, progress.of, 20)}  ${formatCount(progress.done)} of ${formatCount(progress.of)}`;
  const still = countWorking(report);
  if (state.phase === "halted" && still > 0) return `${spec.id} halted, ${countNodes(still)} still under way`;
  if (state.phase !== "waves" || wave?.counts === undefined) return rolloutSentence(report, nowMs);
  const { done, offline, excluded } = wave.counts;
  const bar = drawBar(done, wave.members - offline - excluded, 20);
  const where = `${state.wave + 1}/${spec.waves.length} ${wave.name}`;
  return plainText(`${spec.id} ${where} ${bar}  ${describeCounts(wave.counts)}`);
}

function describeCounts({ done, failed, silent, suspect, working, waiting, offline }: Counts): string {
  const parts: readonly (readonly [count: number, word: string])[] = [
    [failed, "failed"],
    [silent + suspect, "lost"],
    [working, "under way"],
    [waiting, "to tell"],
    [offline, "offline"],
  ];
  const some = parts.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`);
  return [`${formatCount(done)} done`, ...some].join(", ");
}

function sumBad({ summary }: RolloutReport): number {
  return summary.waves.reduce((sum, { counts }) => {
    if (counts === undefined) return sum;
    return sum + counts.failed + counts.silent + counts.suspect;
  }, summary.preflight?.failed ?? 0);
}

/** Nothing more happens by itself. */
export function isAtRest(report: RolloutReport): boolean {
  const { state } = report;
  return isEnded(state) || (state.phase === "halted" && countWorking(report) === 0);
}

function countWorking({ summary }: RolloutReport): number {
  return summary.waves.reduce((sum, { counts }) => sum + (counts?.working ?? 0), 0);
}
