import { formatMoment } from "../core/evidence/format-age.ts";
import { describeSelector } from "../core/signing/selector.ts";
import { evidenceLines, haltLines } from "./fleet-evidence-text.ts";
import { formatCount, formatWhen, nameBundle } from "./fleet-figures.ts";
import type { RolloutReport } from "./fleet-report.ts";
import { progressBar, rolloutColor, rolloutSentence } from "./fleet-rollout-sentence.ts";
import { type FleetStyle, wrapped } from "./fleet-style.ts";
import { waveRows } from "./fleet-waves-text.ts";
import { BOLD, DIM, YELLOW } from "./paint.ts";

/** All of a rollout: where it stands, wave by wave, what it waits for, and why it has halted. */
export function rolloutLines(report: RolloutReport, nowMs: number, style: FleetStyle): readonly string[] {
  const { spec, state, summary } = report;
  const from = spec.from === undefined ? "the first of its channel" : `from ${nameBundle(spec.from)}`;
  const facts = `to ${nameBundle(spec.to)}, ${from}; ${describeSelector(spec.scope)} of ${spec.channel}; by ${spec.createdBy}, ${formatMoment(spec.createdMs)}`;
  return [
    ...wrapped(rolloutSentence(report, nowMs), style, BOLD, rolloutColor(report)),
    ...wrapped(facts, style, DIM),
    ...deedLines(report, nowMs, style),
    ...preflightLines(report, style),
    "",
    ...waveRows(summary, state, style),
    ...(summary.progress === undefined ? [] : [`  ${progressBar(summary.progress)}`]),
    ...haltLines(report, nowMs, style),
    ...(state.left === undefined
      ? []
      : ["", ...wrapped("could not be taken back:", style, YELLOW), ...evidenceLines(state.left, style)]),
  ];
}

function deedLines({ state }: RolloutReport, nowMs: number, style: FleetStyle): readonly string[] {
  const { paused, expedited } = state;
  const deeds = [
    ...(paused === undefined ? [] : [["paused", paused] as const]),
    ...(expedited === undefined ? [] : [["expedited", expedited] as const]),
  ];
  return deeds.flatMap(([what, { by, reason, atMs }]) =>
    wrapped(
      `${what} by ${by}, ${formatWhen(atMs, nowMs)}${reason === "" ? "" : `: ${reason}`}`,
      style,
      YELLOW,
    ),
  );
}

function preflightLines({ summary: { preflight } }: RolloutReport, style: FleetStyle): readonly string[] {
  if (preflight === undefined) return [];
  const { ok, failed, pending } = preflight;
  const [well, bad, left] = [ok, failed, pending].map(formatCount);
  return ["", ...wrapped(`preflight: ${well} would work, ${bad} would not, ${left} still to answer`, style)];
}
