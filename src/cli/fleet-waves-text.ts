import type { Counts } from "../core/fleet/assess-wave.ts";
import type { RolloutSummary, WaveSummary } from "../core/fleet/fleet-summary.ts";
import type { RolloutState } from "../core/fleet/rollout-state.ts";
import { formatCount } from "./fleet-figures.ts";
import type { FleetStyle } from "./fleet-style.ts";
import { BOLD, DIM, GREEN, RED, YELLOW } from "./paint.ts";
import { type Cell, layoutTable } from "./text-table.ts";
import { clipText } from "./wrap-text.ts";

interface Column {
  readonly title: string;
  readonly count: (counts: Counts) => number;
  readonly color?: number;
  /** Left out where it is nought in every wave. */
  readonly isRare?: true;
}

const COLUMNS: readonly Column[] = [
  { title: "DONE", count: ({ done }) => done, color: GREEN },
  { title: "FAILED", count: ({ failed }) => failed, color: RED },
  { title: "LOST", count: ({ silent, suspect }) => silent + suspect, color: RED },
  { title: "UNDER WAY", count: ({ working }) => working },
  { title: "TO TELL", count: ({ waiting }) => waiting },
  { title: "OFFLINE", count: ({ offline }) => offline, color: YELLOW, isRare: true },
  { title: "LEFT OUT", count: ({ excluded }) => excluded, isRare: true },
];

const WIDEST_NAME = 20;

/** A row for each wave; what is not released is dim. */
export function waveRows(
  { waves }: Pick<RolloutSummary, "waves">,
  state: RolloutState,
  style: FleetStyle,
): readonly string[] {
  const shown = COLUMNS.filter(
    ({ isRare, count }) => !isRare || waves.some(({ counts }) => counts !== undefined && count(counts) > 0),
  );
  const head = ["", "WAVE", "NODES", ...shown.map(({ title }) => title)];
  const isCounted = waves.some(({ counts }) => counts !== undefined);
  const rows = waves.map((wave, index) =>
    isCounted ? rowOf(wave, index, shown, state) : rowOf(wave, index, [], state),
  );
  const right = head.map((_, index) => index).slice(2);
  return layoutTable([isCounted ? head : head.slice(0, 3), ...rows], { ...style, right });
}

function rowOf(
  { name, members, counts }: WaveSummary,
  index: number,
  shown: readonly Column[],
  { phase, wave }: RolloutState,
): readonly Cell[] {
  const isNow = phase === "waves" && index === wave;
  const codes = isNow ? [BOLD] : counts === undefined && shown.length > 0 ? [DIM] : [];
  return [
    { text: isNow ? ">" : " ", codes },
    { text: clipText(name, WIDEST_NAME), codes },
    { text: formatCount(members), codes },
    ...shown.map((column) => cellOf(column, counts)),
  ];
}

function cellOf({ count, color }: Column, counts: Counts | undefined): Cell {
  if (counts === undefined) return "";
  const number = count(counts);
  if (number === 0) return { text: "-", codes: [DIM] };
  return { text: formatCount(number), codes: color === undefined ? [] : [color] };
}
