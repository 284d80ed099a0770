import {
  assessNode,
  assessRevert,
  explainOutcome,
  type FleetView,
  goneSince,
  type Outcome,
} from "./assess-node.ts";
import type { UnwellNode } from "./gather-evidence.ts";
import { classOf } from "./membership.ts";
import type { FleetNode } from "./node-status.ts";
import type { Rollout } from "./rollout.ts";
import type { Wave } from "./rollout-spec.ts";

export type Counts = Readonly<Record<Outcome, number>>;

/** How a released wave is doing. */
export interface WaveAssessment {
  readonly counts: Counts;
  /** What percentages are of: members without those that are offline or excluded. */
  readonly of: number;
  readonly done: readonly FleetNode[];
  /** It is in force there, and nothing speaks against it so far. */
  readonly hopeful: readonly FleetNode[];
  readonly failed: readonly UnwellNode[];
  /** Silent and suspect. */
  readonly lost: readonly UnwellNode[];
  readonly isTooManyFailed: boolean;
  readonly isTooManyLost: boolean;
  /** So many of those that are done have no connection now that it takes waiting to tell. */
  readonly isTooManyAway: boolean;
  /** Enough have soaked. */
  readonly isEnough: boolean;
  /** Nobody can change that any more by answering. */
  readonly isSettled: boolean;
  /** Classes that have members here and nobody done. */
  readonly untried: readonly string[];
  /** Registries that changed and that no node of the wave has pulled from. */
  readonly unproven: readonly string[];
}

/** `members` are the nodes of the wave. In the first wave a lost node counts as failed: it may be lost by what was tried. */
export function assessWave(
  rollout: Rollout,
  index: number,
  members: readonly FleetNode[],
  view: FleetView,
  nowMs: number,
): WaveAssessment {
  const wave = rollout.spec.waves[index] as Wave;
  const groups = groupBy(members, (node) => assessNode(rollout, node, view, nowMs));
  const counts = countAll(groups);
  const of = members.length - counts.offline - counts.excluded;
  const explain = (outcome: Outcome): UnwellNode[] =>
    (groups.get(outcome) ?? []).map((node) => ({ node, error: explainOutcome(rollout, node, outcome) }));
  const failed = explain("failed");
  const lost = [...explain("silent"), ...explain("suspect")];
  const done = groups.get("done") ?? [];
  const waits = rollout.spec.offline === "wait" ? counts.offline : 0;
  const away = done.filter(({ status }) => status && goneSince(status, view) !== undefined).length;
  const maxLost = Math.floor((of * wave.maxSilentPct) / 100);
  const failures = failed.length + (index === 0 ? counts.suspect : 0);
  return {
    counts,
    of,
    done,
    hopeful: (groups.get("working") ?? []).filter(isHopeful),
    failed,
    lost,
    isTooManyFailed: failures > Math.max(wave.maxFailed, Math.floor((of * wave.maxFailedPct) / 100)),
    isTooManyLost: lost.length > maxLost,
    isTooManyAway: away > maxLost,
    isEnough: done.length >= wave.minDone * (of + waits) && waits === 0,
    isSettled: counts.working + counts.waiting + waits === 0,
    untried: findUntried(rollout, members, done),
    unproven: wave.evidence === "none" ? [] : findUnproven(done),
  };
}

function isHopeful({ status }: FleetNode): boolean {
  const phase = status?.offer?.phase;
  return phase === "applied" || phase === "observed";
}

/** How the members of a wave go back: excluded are those that have nothing to go back from. */
export function countReverts(
  rollout: Rollout,
  members: readonly FleetNode[],
  view: FleetView,
  nowMs: number,
): Counts {
  return countAll(groupBy(members, (node) => assessRevert(rollout, node, view, nowMs)));
}

function groupBy(
  members: readonly FleetNode[],
  outcomeOf: (node: FleetNode) => Outcome,
): ReadonlyMap<Outcome, readonly FleetNode[]> {
  const groups = new Map<Outcome, FleetNode[]>();
  for (const node of members) {
    const outcome = outcomeOf(node);
    const group = groups.get(outcome);
    if (group) group.push(node);
    else groups.set(outcome, [node]);
  }
  return groups;
}

function countAll(groups: ReadonlyMap<Outcome, readonly FleetNode[]>): Counts {
  const count = (outcome: Outcome): number => groups.get(outcome)?.length ?? 0;
  return {
    done: count("done"),
    failed: count("failed"),
    silent: count("silent"),
    suspect: count("suspect"),
    working: count("working"),
    waiting: count("waiting"),
    offline: count("offline"),
    excluded: count("excluded"),
  };
}

function findUntried(
  { spec }: Rollout,
  members: readonly FleetNode[],
  done: readonly FleetNode[],
): readonly string[] {
  const tried = new Set(done.map((node) => classOf(spec, node)));
  return [...new Set(members.map((node) => classOf(spec, node)))].filter((one) => !tried.has(one)).toSorted();
}

/** A node says what was not pulled there, some of it by name; what one node has pulled is proven for all. */
function findUnproven(done: readonly FleetNode[]): readonly string[] {
  const lists = done.flatMap(({ status }) => (status?.offer ? [status.offer] : []));
  if (lists.some(({ unproven, unprovenMore }) => unproven.length + unprovenMore === 0)) return [];
  const whole = lists.filter(({ unprovenMore }) => unprovenMore === 0);
  const [first, ...others] = whole.length > 0 ? whole : lists;
  if (first === undefined) return [];
  if (whole.length === 0) return first.unproven.length > 0 ? first.unproven : ["(some)"];
  return first.unproven.filter((name) => others.every(({ unproven }) => unproven.includes(name)));
}
