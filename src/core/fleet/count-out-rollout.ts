import { matchesSelector } from "../signing/selector.ts";
import type { Bundle } from "./bundle.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { classOf, PLACES, placeNode, type Sha256 } from "./membership.ts";
import type { FleetNode } from "./node-status.ts";
import type { DraftPick, RolloutDraft } from "./rollout-draft.ts";
import type { RolloutSpec, Superseded, WavePick } from "./rollout-spec.ts";

/** What a draft does not say. */
export interface RolloutFacts {
  readonly id: string;
  readonly channel: string;
  readonly from?: Bundle;
  readonly to: Bundle;
  readonly supersedes: readonly Superseded[];
  readonly createdMs: number;
  readonly createdBy: string;
}

/**
 * Counts the waves of a draft out on the nodes there are: canaries by name, percentages as exact parts of each class.
 * What comes of it needs no list of nodes any more to tell the wave of one.
 */
export function countOutRollout(
  draft: RolloutDraft,
  facts: RolloutFacts,
  nodes: readonly FleetNode[],
  sha256: Sha256,
): RolloutSpec {
  const classes = groupByClass(
    nodes.filter((node) => matchesSelector(draft.scope, node)),
    draft.classLabel,
    (node) => placeNode(facts.id, node, sha256),
  );
  const waves = draft.waves.map((wave) => ({ ...wave, pick: countOut(wave.pick, classes) }));
  return { ...draft, ...facts, waves };
}

interface PlacedNode {
  readonly id: string;
  readonly place: number;
  readonly isConnected: boolean;
}

type Classes = ReadonlyMap<string, readonly PlacedNode[]>;

/** Each class in the order of places. */
function groupByClass(
  nodes: readonly FleetNode[],
  classLabel: string,
  place: (node: string) => number,
): Classes {
  const classes = new Map<string, PlacedNode[]>();
  for (const node of nodes) {
    const name = classOf({ classLabel }, node);
    const placed = { id: node.id, place: place(node.id), isConnected: node.status?.connection !== undefined };
    const members = classes.get(name);
    if (members) members.push(placed);
    else classes.set(name, [placed]);
  }
  for (const members of classes.values()) members.sort((a, b) => a.place - b.place);
  return classes;
}

function countOut(pick: DraftPick, classes: Classes): WavePick {
  if (pick.kind === "perClass") return { kind: "nodes", nodes: pickCanaries(pick.count, classes) };
  if (pick.kind !== "percent" || pick.percent >= 100 || classes.size > FLEET_LIMITS.classes) return pick;
  const { kind, percent } = pick;
  const cuts = [...classes].map(([name, members]) => [name, findCut(percent, members)] as const);
  return { kind, percent, cuts: Object.fromEntries(cuts) };
}

function pickCanaries(count: number, classes: Classes): readonly string[] {
  return [...classes.values()].flatMap((members) => {
    const connectedFirst = members.toSorted((a, b) => Number(b.isConnected) - Number(a.isConnected));
    return connectedFirst.slice(0, count).map(({ id }) => id);
  });
}

/** Behind the last place that is in. */
function findCut(percent: number, members: readonly PlacedNode[]): number {
  const count = Math.ceil((percent / 100) * members.length);
  return Math.min(PLACES, (members[count - 1]?.place ?? 0) + 1);
}
