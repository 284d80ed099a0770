import { formatAge } from "../core/evidence/format-age.ts";
import type { Difference, FleetSummary } from "../core/fleet/fleet-summary.ts";
import type { EndingState } from "../core/fleet/list-ending.ts";
import { isEnded } from "../core/fleet/rollout-state.ts";
import { plainText } from "../core/plain-text.ts";
import { time } from "../core/signing/judge-signed-state.ts";
import { haltLines } from "./fleet-evidence-text.ts";
import { countNodes, formatCount, listNames, nameBundle, shortDigest } from "./fleet-figures.ts";
import type { FleetReport, RolloutReport } from "./fleet-report.ts";
import { progressBar, rolloutColor, rolloutSentence } from "./fleet-rollout-sentence.ts";
import { type FleetStyle, wrapped } from "./fleet-style.ts";
import { waveRows } from "./fleet-waves-text.ts";
import { DIFFERENCE_WORDS } from "./fleet-words.ts";
import { BOLD, CYAN, DIM, GREEN, RED, YELLOW } from "./paint.ts";
import { type Cell, layoutTable } from "./text-table.ts";

const MOST_ENDED = 2;

/** The sentence, what goes on, what runs, what differs, who serves. Ends with a newline. */
export function formatFleetStatus(report: FleetReport, style: FleetStyle): string {
  const { summary } = report;
  const parts = [
    wrapped(fleetSentence(report), style, BOLD, colorOf(report)),
    troubleLines(report, style),
    ...report.rollouts
      .filter(({ state }) => !isEnded(state))
      .map((rollout) => liveLines(rollout, summary.atMs, style)),
    runningLines(report, style),
    differenceLines(summary.differences, style),
    [...endedLines(report, style), ...serverLines(report, style), ...versionLines(summary, style)],
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** `prod: 9,880 of 10,000 nodes connected; 1 rollout goes on; 14 nodes need a look` */
export function fleetSentence({ fleet, summary, rollouts }: FleetReport): string {
  const { total, connected, differences } = summary;
  if (total === 0) return `${fleet}: no node has connected, and the inventory is empty`;
  const live = rollouts.filter(({ state }) => !isEnded(state));
  const halted = live.filter(({ state }) => state.phase === "halted").length;
  const goesOn = live.length - halted;
  const worst = differences.filter(isTrouble);
  const look = worst.reduce((sum, { count }) => sum + count, 0);
  const parts = [
    `${formatCount(connected)} of ${countNodes(total)} connected`,
    ...(halted > 0 ? [`${halted === 1 ? "a rollout is" : `${halted} rollouts are`} halted`] : []),
    ...(goesOn > 0 ? [`${goesOn === 1 ? "a rollout goes" : `${goesOn} rollouts go`} on`] : []),
    ...(look > 0 ? [`${worst.length === 1 ? "" : "up to "}${countNodes(look)} to look at`] : []),
  ];
  return `${fleet}: ${parts.join(", ")}`;
}

/** Somebody should look. */
export function hasTrouble(report: FleetReport): boolean {
  const { summary, rollouts } = report;
  return (
    summary.differences.some(isTrouble) ||
    rollouts.some((one) => rolloutColor(one) === RED || one.isFrozen) ||
    listTroubles(report).length > 0
  );
}

function isTrouble({ kind }: Difference): boolean {
  return DIFFERENCE_WORDS[kind].isTrouble;
}

function colorOf(report: FleetReport): number {
  return hasTrouble(report) ? RED : report.summary.connected < report.summary.total ? YELLOW : GREEN;
}

/** Of the fleet itself, not of its nodes. */
function listTroubles({
  servers,
  broken,
  doubts,
  staleMs,
  summary,
  channels,
  ending,
}: FleetReport): readonly string[] {
  const { total } = summary;
  const stuck =
    doubts.length > 0
      ? ["so that nothing new is said to nodes of its channel, and no rollout of it goes on"]
      : [];
  return [
    ...(staleMs === undefined
      ? []
      : [`the engine has not answered for ${formatAge(staleMs)}: this is how it was then`]),
    ...(channels.length === 0 ? ["no channel: nothing was published yet (mirrorlet fleet publish)"] : []),
    ...(servers.length === 0 && total > 0 ? ["no feed server runs: no node can be told anything"] : []),
    ...clockTroubles(servers),
    ...ending.slice(0, 5).map((state) => endingTrouble(state, summary.atMs)),
    ...broken.slice(0, 5).map(({ key, message }) => `${key} cannot be read, and is left out: ${message}`),
    ...stuck,
    ...(broken.length > 5 ? [`${formatCount(broken.length - 5)} more records cannot be read`] : []),
  ];
}

function endingTrouble({ channel, serial, endMs }: EndingState, nowMs: number): string {
  const when = endMs <= nowMs ? `has expired (${time(endMs)})` : `expires in ${formatAge(endMs - nowMs)}`;
  return `serial ${serial}, a stable state of ${channel}, ${when}: nodes keep it, but those that are new or would go back to it refuse it then: sign it anew with a higher serial, and roll that out`;
}

/** All of them at once: it is rather the controller's clock. */
function clockTroubles(servers: FleetReport["servers"]): readonly string[] {
  const off = servers.flatMap(({ id, clockOffMs: ms }) => (ms === undefined ? [] : [{ id, ms }]));
  const [first] = off;
  if (first === undefined) return [];
  const away = (ms: number): string =>
    `${formatAge(Math.abs(ms))} ${ms > 0 ? "ahead of" : "behind"} the controller's`;
  const effect = "rollouts stand still there until the clock that is wrong is put right";
  if (off.length === servers.length && off.length > 1)
    return [
      `the controller's clock is not that of any feed server (${first.id}'s is ${away(first.ms)}): ${effect}`,
    ];
  const shown = off.slice(0, MOST_SERVERS);
  const lines = shown.map(({ id, ms }) => `the clock of the feed server ${id} is ${away(ms)}: ${effect}`);
  return off.length > MOST_SERVERS ? [...lines, `and those of ${off.length - MOST_SERVERS} more`] : lines;
}

function troubleLines(report: FleetReport, style: FleetStyle): readonly string[] {
  return listTroubles(report).flatMap((line) => wrapped(line, style, RED));
}

function liveLines(report: RolloutReport, nowMs: number, style: FleetStyle): readonly string[] {
  const { spec, state, summary } = report;
  const { preflight, progress } = summary;
  const asked =
    preflight === undefined
      ? []
      : [
          `  preflight: ${formatCount(preflight.ok)} would work, ${formatCount(preflight.failed)} would not, ${formatCount(preflight.pending)} still to answer`,
        ];
  return [
    ...wrapped(
      `${rolloutSentence(report, nowMs)}; brings ${nameBundle(spec.to)} to ${spec.channel}`,
      style,
      rolloutColor(report),
    ),
    ...asked,
    ...(asked.length === 0 ? waveRows(summary, state, style) : []),
    ...(progress === undefined || asked.length > 0 ? [] : [`  ${progressBar(progress)}`]),
    ...haltLines(report, nowMs, style),
  ];
}

function endedLines({ rollouts, summary }: FleetReport, style: FleetStyle): readonly string[] {
  const ended = rollouts.filter(({ state }) => isEnded(state)).slice(0, MOST_ENDED);
  return ended.flatMap((one) => {
    const what = `${rolloutSentence(one, summary.atMs)}: ${nameBundle(one.spec.to)}`;
    return wrapped(what, style, ...(one.state.phase === "done" ? [DIM] : [YELLOW]));
  });
}

function runningLines({ summary, channels, rollouts }: FleetReport, style: FleetStyle): readonly string[] {
  if (summary.running.length === 0) return [];
  const rows = summary.running.map(({ digest, serial, nodes, isOthers }): readonly Cell[] => {
    if (isOthers) return [formatCount(nodes), "others", "", ""];
    if (digest === undefined) return [formatCount(nodes), "nothing of ours", "", ""];
    return [formatCount(nodes), `serial ${serial}`, shortDigest(digest), roleOf(digest, channels, rollouts)];
  });
  return layoutTable([["NODES", "RUN", "DIGEST", ""], ...rows], { ...style, right: [0] });
}

function roleOf(
  digest: string,
  channels: FleetReport["channels"],
  rollouts: readonly RolloutReport[],
): string {
  const stable = channels.flatMap(({ name, channel }) => [
    ...(channel.stable?.digest === digest ? [`stable state of ${name}`] : []),
    ...(channel.scoped.some((one) => one.digest === digest) ? [`stable state of a part of ${name}`] : []),
  ]);
  const brought = rollouts
    .filter(({ spec, state }) => spec.to.digest === digest && !isEnded(state))
    .map(({ spec }) => `brought by ${spec.id}`);
  return [...stable, ...brought].join(", ");
}

function differenceLines(differences: readonly Difference[], style: FleetStyle): readonly string[] {
  if (differences.length === 0) return [];
  const rows = differences.flatMap(({ kind, count, nodes, errors }): readonly (readonly Cell[])[] => {
    const { title, meaning, isTrouble: isBad } = DIFFERENCE_WORDS[kind];
    const color = isBad ? RED : kind === "gone" ? YELLOW : CYAN;
    const room = style.columns === undefined ? 300 : 2 * Math.max(20, Math.min(110, style.columns) - 30);
    return [
      [formatCount(count), { text: title, codes: [color] }, `${meaning}: ${listNames(nodes, count, room)}`],
      ...errors.map((error) => {
        const item = error.item === undefined ? "" : ` (${error.item})`;
        return [
          "",
          "",
          plainText(
            `${error.code}, ${countNodes(error.count)}, first ${error.node}${item}: ${error.message}`,
          ),
        ];
      }),
    ];
  });
  return layoutTable([["NODES", "DIFFER", ""], ...rows], { ...style, right: [0] });
}

const MOST_SERVERS = 8;

function serverLines({ servers, controller, rollouts }: FleetReport, style: FleetStyle): readonly string[] {
  const named = servers.slice(0, MOST_SERVERS).map(({ id, nodes }) => `${id} (${formatCount(nodes)})`);
  const more = servers.length > MOST_SERVERS ? [`${servers.length - MOST_SERVERS} more`] : [];
  const served = servers.length === 0 ? "none" : [...named, ...more].join(", ");
  const isNeeded = rollouts.some(({ isFrozen }) => isFrozen);
  const led = controller?.id ?? "none";
  return [
    ...wrapped(`feed servers, with their nodes: ${served}`, style, DIM),
    ...wrapped(`controller: ${led}`, style, ...(isNeeded ? [RED] : [DIM])),
  ];
}

function versionLines({ agents, containerds }: FleetSummary, style: FleetStyle): readonly string[] {
  const list = (versions: FleetSummary["agents"]): string =>
    versions.map(({ version, nodes }) => `${version || "unknown"} (${formatCount(nodes)})`).join(", ");
  if (agents.length === 0) return [];
  return [
    ...wrapped(`agents: ${list(agents)}`, style, DIM),
    ...wrapped(`containerd: ${list(containerds)}`, style, DIM),
  ];
}
