import { findFactors } from "./find-factors.ts";
import type { FleetNode, NodeError } from "./node-status.ts";
import type { ErrorGroup, Evidence } from "./rollout-state.ts";

const MOST_NODES = 20;
const MOST_ERRORS = 8;

export interface UnwellNode {
  readonly node: FleetNode;
  readonly error: NodeError;
}

/** What is told of nodes that did not do well, beside those that did. */
export function gatherEvidence(unwell: readonly UnwellNode[], well: readonly FleetNode[]): Evidence {
  const sorted = unwell.toSorted((a, b) => (a.node.id < b.node.id ? -1 : 1));
  return {
    errors: groupErrors(sorted),
    nodes: sorted.slice(0, MOST_NODES).map(({ node }) => node.id),
    count: unwell.length,
    factors: findFactors(
      sorted.map(({ node }) => node),
      well,
    ),
  };
}

/** First means: of the node that said it first, as far as statuses tell. */
function groupErrors(unwell: readonly UnwellNode[]): readonly ErrorGroup[] {
  const inTime = unwell.toSorted((a, b) => toldMs(a) - toldMs(b));
  const groups = new Map<string, ErrorGroup>();
  for (const { node, error } of inTime) {
    const known = groups.get(error.code);
    groups.set(
      error.code,
      known ? { ...known, count: known.count + 1 } : { ...error, count: 1, node: node.id },
    );
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count).slice(0, MOST_ERRORS);
}

function toldMs({ node }: UnwellNode): number {
  return node.status?.offer?.phaseMs ?? Number.POSITIVE_INFINITY;
}
