import { formatMoment } from "../core/evidence/format-age.ts";
import { bakeOf } from "../core/fleet/decide-waves.ts";
import type { Wave } from "../core/fleet/rollout-spec.ts";
import { isEnded } from "../core/fleet/rollout-state.ts";
import { plainText } from "../core/plain-text.ts";
import { drawBar, formatCount, formatWhen } from "./fleet-figures.ts";
import type { RolloutReport } from "./fleet-report.ts";
import { PHASE_WORDS, WAIT_WORDS } from "./fleet-words.ts";
import { GREEN, RED, YELLOW } from "./paint.ts";

/** `stable-12: wave 3 of 5 (10-percent), waits for the nodes of this wave` */
export function rolloutSentence(report: RolloutReport, nowMs: number): string {
  const { spec, state, isFrozen } = report;
  const ended = isEnded(state) ? `, ${formatWhen(Math.min(state.startedMs, nowMs), nowMs)}` : "";
  const where = state.phase === "waves" ? nameWave(report) : `${PHASE_WORDS[state.phase]}${ended}`;
  const attempt = state.attempt === 1 ? "" : `, attempt ${state.attempt}`;
  const frozen = isFrozen ? "; frozen: no controller leads, and nothing goes on" : "";
  return plainText(`${spec.id}: ${where}${attempt}${waiting(report, nowMs)}${frozen}`);
}

function nameWave({ spec, state }: RolloutReport): string {
  return `wave ${state.wave + 1} of ${spec.waves.length} (${spec.waves[state.wave]?.name})`;
}

/** What is plain from the phase is not said again. */
function waiting(report: RolloutReport, nowMs: number): string {
  const { spec, state, waits } = report;
  if (state.paused !== undefined) return ", paused";
  if (waits === "baking" && state.bakingMs !== undefined) {
    const untilMs = state.bakingMs + bakeOf(spec.waves[state.wave] as Wave, report);
    return `, bakes until ${formatMoment(untilMs).slice(11)}${untilMs > nowMs ? ` (${formatWhen(untilMs, nowMs)})` : ""}`;
  }
  if (waits === undefined || waits === "halted" || waits === "reverting" || waits === "ended") return "";
  return `, ${WAIT_WORDS[waits]}`;
}

export function rolloutColor({ state, isFrozen }: RolloutReport): number {
  if (state.phase === "halted" || state.phase === "reverting" || state.left !== undefined) return RED;
  if (isFrozen || state.paused !== undefined || state.phase === "reverted") return YELLOW;
  return GREEN;
}

export function progressBar({ done, of }: { readonly done: number; readonly of: number }): string {
  return `${drawBar(done, of, 32)}  ${formatCount(done)} of ${formatCount(of)} done`;
}
