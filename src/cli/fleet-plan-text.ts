import { formatDuration } from "../core/agent-config/duration.ts";
import { findWave, type Sha256 } from "../core/fleet/membership.ts";
import type { RolloutPlan } from "../core/fleet/plan-rollout.ts";
import type { RolloutSpec, Wave } from "../core/fleet/rollout-spec.ts";
import { describeSelector } from "../core/signing/selector.ts";
import { countNodes, formatCount, listNames, nameBundle } from "./fleet-figures.ts";
import { type FleetStyle, wrapped } from "./fleet-style.ts";
import { BOLD } from "./paint.ts";
import { type Cell, layoutTable } from "./text-table.ts";
import { clipText } from "./wrap-text.ts";

const MOST_NAMED = 10;
const MOST_FROM = 4;

/** What a rollout would do, wave by wave. */
export function planLines(plan: RolloutPlan, sha256: Sha256, style: FleetStyle): readonly string[] {
  const { spec, nodes } = plan;
  const connected = nodes.filter(({ status }) => status?.connection !== undefined).length;
  const from = describeFrom(plan);
  const scope = describeSelector(spec.scope);
  const whom = `${countNodes(nodes.length)} of ${spec.channel} (${scope}), ${formatCount(connected)} connected`;
  return [
    ...wrapped(`${spec.id}: ${nameBundle(spec.to)}${from}`, style, BOLD),
    ...wrapped(`for ${whom}`, style),
    ...spec.supersedes.flatMap(({ id }) => wrapped(`ends ${id}, which is halted`, style)),
    ...wrapped(describePreflight(spec), style),
    ...waveLines(plan, sha256, style),
    ...wrapped(describeHalt(spec), style),
  ];
}

function describeFrom({ spec, from }: RolloutPlan): string {
  if (from.length > 1) {
    const more = from.length > MOST_FROM ? ` and ${from.length - MOST_FROM} more` : "";
    const shown = from.slice(0, MOST_FROM).map((one) => `${nameBundle(one)} (${countNodes(one.nodes)})`);
    return `, from ${shown.join(", ")}${more}`;
  }
  return spec.from === undefined ? "" : `, from ${nameBundle(spec.from)}`;
}

function describePreflight({ preflight, spreadMs, soakMs, reportByMs }: RolloutSpec): string {
  const asks =
    preflight.nodes === "none"
      ? "asks nobody before"
      : `asks all of them first whether it would work there, and halts if more than ${preflight.maxFailed} say no`;
  return `${asks}; a node waits up to ${formatDuration(spreadMs)}, soaks ${formatDuration(soakMs)}, and answers within ${formatDuration(reportByMs)}`;
}

function describeHalt({ onHalt, windows }: RolloutSpec): string {
  const halt =
    onHalt === "hold"
      ? "when it halts, who has the new state keeps it, and nobody else gets it"
      : "when it halts by itself, everybody goes back";
  return windows.length === 0 ? halt : `${halt}; new nodes only within its windows`;
}

function waveLines({ spec, nodes }: RolloutPlan, sha256: Sha256, style: FleetStyle): readonly string[] {
  const members: string[][] = spec.waves.map(() => []);
  for (const node of nodes) members[findWave(spec, node, sha256) ?? -1]?.push(node.id);
  const rows = spec.waves.map((wave, index): readonly Cell[] => {
    const names = members[index] ?? [];
    const who =
      names.length > 0 && names.length <= MOST_NAMED ? listNames(names.toSorted(), names.length, 300) : "";
    return [
      clipText(wave.name, 20),
      formatCount(names.length),
      formatCount(wave.maxInFlight),
      formatDuration(wave.bakeMs),
      describeLimits(wave, names.length),
      who,
    ];
  });
  const head = ["WAVE", "NODES", "AT ONCE", "BAKES", "MAY FAIL", ""];
  return layoutTable([head, ...rows], { ...style, indent: 2, right: [1, 2, 4] });
}

function describeLimits({ maxFailed, maxFailedPct }: Wave, members: number): string {
  return formatCount(Math.max(maxFailed, Math.floor((members * maxFailedPct) / 100)));
}
