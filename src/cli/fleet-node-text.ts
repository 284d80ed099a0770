import type { FleetView } from "../core/fleet/assess-node.ts";
import type { NodeStatus, Offer } from "../core/fleet/node-status.ts";
import { plainText } from "../core/plain-text.ts";
import { formatWhen, nameBundle } from "./fleet-figures.ts";
import type { NodeInRollout, NodeReport } from "./fleet-node-report.ts";
import { type FleetStyle, wrapped } from "./fleet-style.ts";
import { OUTCOME_WORDS, PHASE_WORDS, REASON_WORDS, SOURCE_WORDS } from "./fleet-words.ts";
import { BOLD, GREEN, RED, YELLOW } from "./paint.ts";
import { type Cell, layoutTable } from "./text-table.ts";

/** One node: what it runs, what it was told and said, and why it is told no more. */
export function nodeLines(
  report: NodeReport,
  gone: FleetView["gone"],
  nowMs: number,
  style: FleetStyle,
): readonly string[] {
  const { id, labels, status, channel, hasSeveralChannels, rollouts } = report;
  const named = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const none = hasSeveralChannels ? "several: it takes from none" : "none: it gets nothing";
  const rows: (readonly Cell[])[] = [
    ["channel", channel ?? { text: none, codes: [RED] }],
    ["labels", named.join(" ") || "none"],
    ...(status === undefined ? [] : statusRows(status, nowMs)),
    ...rollouts.map((one): readonly Cell[] => ["rollout", describePlace(one)]),
    ...overrideRows(report, nowMs),
  ];
  const { sentence, color } = headline(report, gone, nowMs);
  return [...wrapped(`${id} ${sentence}`, style, BOLD, color), ...layoutTable(rows, { ...style, indent: 2 })];
}

function headline({ status, reason }: NodeReport, gone: FleetView["gone"], nowMs: number) {
  if (status === undefined)
    return { sentence: "is in the inventory, and has never connected", color: YELLOW };
  const { connection, seenMs } = status;
  if (connection === undefined)
    return {
      sentence: `has no connection since ${formatWhen(seenMs, nowMs).replace(/ ago$/, "")}`,
      color: YELLOW,
    };
  if (gone.has(connection.server))
    return { sentence: `was connected to ${connection.server}, which runs no more`, color: YELLOW };
  if (reason === undefined) return { sentence: `is connected to ${connection.server}`, color: YELLOW };
  const isBad = status.unwell !== undefined || status.cloned || status.drifted || BAD.has(reason);
  return { sentence: REASON_WORDS[reason], color: isBad ? RED : GREEN };
}

const BAD: ReadonlySet<string> = new Set([
  "refused",
  "silent",
  "overlapping-rollouts",
  "controller-silent",
  "clock-off",
]);

function statusRows(status: NodeStatus, nowMs: number): readonly (readonly Cell[])[] {
  const { running, source, offer, preflight, agent, containerd, connection, unwell } = status;
  const runs = running === undefined ? SOURCE_WORDS.none : `${nameBundle(running)}, ${SOURCE_WORDS[source]}`;
  const no =
    preflight?.ok === false ? (preflight.error ?? { code: "preflight-failed", message: "" }) : undefined;
  return [
    ["runs", plainText(runs)],
    ...(offer === undefined ? [] : offerRows(offer, nowMs)),
    ...(no === undefined || preflight === undefined
      ? []
      : [
          [
            "preflight",
            { text: plainText(`of ${preflight.rolloutId}: ${no.code}: ${no.message}`), codes: [RED] },
          ],
        ]),
    ...(unwell === undefined
      ? []
      : [["pulls", { text: plainText(`${unwell.namespace} is ${unwell.verdict}`), codes: [RED] }]]),
    ...(status.drifted
      ? [["drift", { text: "somebody else changes what mirrorlet writes", codes: [RED] }]]
      : []),
    ...(status.cloned ? [["cloned", { text: "two machines use its certificate", codes: [RED] }]] : []),
    ...(connection === undefined
      ? []
      : [["server", plainText(`${connection.server}, connected ${formatWhen(connection.sinceMs, nowMs)}`)]]),
    ["versions", plainText(`agent ${agent || "unknown"}, containerd ${containerd || "unknown"}`)],
  ];
}

function offerRows(offer: Offer, nowMs: number): readonly (readonly Cell[])[] {
  const { id, mode, sentMs, phase, phaseMs, error, unproven, unprovenMore } = offer;
  const answer =
    phase === undefined
      ? "no answer yet"
      : `${phase}${phaseMs === undefined ? "" : ` ${formatWhen(phaseMs, nowMs)}`}`;
  const told = `${mode} ${nameBundle(offer)} by ${id}, ${formatWhen(sentMs, nowMs)}: ${answer}`;
  const more = unprovenMore > 0 ? ` and ${unprovenMore} more` : "";
  const item = error?.item === undefined ? "" : ` (${error.item})`;
  return [
    ["told", plainText(told)],
    ...(error === undefined
      ? []
      : [["", { text: plainText(`${error.code}${item}: ${error.message}`), codes: [RED] }]]),
    ...(unproven.length === 0 ? [] : [["unproven", plainText(`${unproven.join(", ")}${more}`)]]),
  ];
}

function describePlace({ spec, state, wave, outcome }: NodeInRollout): string {
  const where =
    wave === undefined
      ? "in no wave"
      : `wave ${wave + 1} of ${spec.waves.length} (${spec.waves[wave]?.name})`;
  const how =
    outcome === undefined
      ? state.phase === "preflight"
        ? "in preflight"
        : "not released yet"
      : OUTCOME_WORDS[outcome];
  const phase = state.phase === "waves" || state.phase === "preflight" ? "" : `, ${PHASE_WORDS[state.phase]}`;
  return plainText(`${spec.id}${phase}: ${where}, ${how}`);
}

function overrideRows({ override }: NodeReport, nowMs: number): readonly (readonly Cell[])[] {
  if (override === undefined) return [];
  const { bundle, by, reason, atMs } = override;
  const what = bundle === undefined ? "keeps what it runs" : `gets ${nameBundle(bundle)}`;
  const why = reason === "" ? "" : `: ${reason}`;
  return [["override", plainText(`${what}; by ${by}, ${formatWhen(atMs, nowMs)}${why}`)]];
}
