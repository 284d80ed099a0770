import type { Evidence, Factor, HaltCode } from "../core/fleet/rollout-state.ts";
import { plainText } from "../core/plain-text.ts";
import { countNodes, formatCount, formatWhen, listNames, nameBundle } from "./fleet-figures.ts";
import type { RolloutReport } from "./fleet-report.ts";
import { type FleetStyle, wrapped } from "./fleet-style.ts";
import { HALT_ADVICE } from "./fleet-words.ts";
import { BOLD, DIM, RED } from "./paint.ts";
import { type Cell, layoutTable } from "./text-table.ts";

/** Why a rollout has halted, by whose word, and what can be done now. */
export function haltLines(report: RolloutReport, nowMs: number, style: FleetStyle): readonly string[] {
  const { spec, state } = report;
  const { halted } = state;
  if (halted === undefined) return [];
  const { code, message, atMs, evidence, isWhole } = halted;
  const isNow = state.phase === "halted";
  const what = isNow ? "halted" : "had halted";
  const growing =
    isNow && !isWhole && code !== "operator" && code !== "preflight-empty"
      ? [
          `  more may come: not all who had been ${halted.wave === undefined ? "asked" : "told"} have answered yet`,
        ]
      : [];
  return [
    "",
    ...wrapped(`${what} ${formatWhen(atMs, nowMs)} (${code}): ${message}`, style, ...(isNow ? [RED] : [])),
    ...evidenceLines(evidence, style),
    ...growing.map((line) => style.paint(line, DIM)),
    ...(isNow ? adviceLines(report, code, style) : []),
    ...(isNow || spec.from === undefined || state.phase !== "reverting"
      ? []
      : wrapped(`nodes get ${nameBundle(spec.from)} back`, style)),
  ];
}

/** What nodes say that did not do well, and what they have in common. */
export function evidenceLines(
  { errors, nodes, count, factors }: Evidence,
  style: FleetStyle,
): readonly string[] {
  if (count === 0) return [];
  const rows: (readonly Cell[])[] = [
    ...errors.map((error): readonly Cell[] => {
      const item = error.item === undefined ? "" : ` (${error.item})`;
      const first = `${countNodes(error.count)}, first ${error.node}${item}: ${error.message}`;
      return [{ text: plainText(error.code), codes: [BOLD] }, plainText(first)];
    }),
    ...factors.map((factor, index): readonly Cell[] => [
      index === 0 ? "in common" : "",
      describeFactor(factor),
    ]),
  ];
  const room = 2 * (Math.min(110, style.columns ?? 110) - 24);
  rows.push(["nodes", `${formatCount(count)}: ${listNames(nodes, count, room)}`]);
  return layoutTable(rows, { ...style, indent: 2 });
}

/** `class=gpu: 12 of 12 that did badly, 0 of 713 that did well` */
function describeFactor({ name, value, unwell, unwellOf, well, wellOf }: Factor): string {
  const [bad, badOf, good, goodOf] = [unwell, unwellOf, well, wellOf].map(formatCount);
  return plainText(`${name}=${value}: ${bad} of ${badOf} that did badly, ${good} of ${goodOf} that did well`);
}

/** Where nobody refused there is nobody to ask again. */
const RESUMES: ReadonlySet<HaltCode> = new Set(["operator", "class-untried", "unproven"]);

function adviceLines({ spec, state }: RolloutReport, code: HaltCode, style: FleetStyle): readonly string[] {
  const command = `mirrorlet fleet rollout`;
  const touched = state.halted?.wave !== undefined;
  const rows: (readonly [string, string])[] = [
    RESUMES.has(code)
      ? [`${command} resume ${spec.id}`, "goes on"]
      : [`${command} retry ${spec.id}`, "asks again, all"],
    ...(spec.from === undefined
      ? []
      : [
          [`${command} revert ${spec.id}`, touched ? `serial ${spec.from.serial} again` : "ends it"] as const,
        ]),
    [`${command} start --supersedes ${spec.id}`, "another state"],
  ];
  return ["", ...wrapped(HALT_ADVICE[code], style), ...commandLines(rows, style)];
}

/** A command stays whole, to be copied: what it does stands below it where there is no room beside. */
function commandLines(rows: readonly (readonly [string, string])[], style: FleetStyle): readonly string[] {
  const most = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const isWide = 2 + most(0) + 2 + most(1) > (style.columns ?? Number.POSITIVE_INFINITY);
  return isWide
    ? rows.flatMap(([command, what]) => [`  ${command}`, `    ${what}`])
    : layoutTable(rows, { ...style, indent: 2 });
}
