import { matchesSelector, type NodeIdentity } from "../signing/selector.ts";
import type { RolloutSpec, Wave, WavePick } from "./rollout-spec.ts";

export type Sha256 = (bytes: Uint8Array) => string;

/** Places are whole numbers from 0 up to this. */
export const PLACES = 2 ** 48;

/**
 * The wave that the node is in, counting from 0; undefined outside the scope. The same for everybody who asks, in
 * whatever order, at whatever time.
 */
export function findWave(
  spec: Pick<RolloutSpec, "id" | "scope" | "classLabel" | "waves">,
  node: NodeIdentity,
  sha256: Sha256,
): number | undefined {
  if (!matchesSelector(spec.scope, node)) return undefined;
  const nodeClass = classOf(spec, node);
  let place: number | undefined;
  const wave = spec.waves.findIndex(({ pick }: Wave) => {
    if (pick.kind === "nodes") return pick.nodes.includes(node.id);
    if (pick.kind === "labels") return matchesSelector({ labels: pick.labels }, node);
    place ??= placeNode(spec.id, node.id, sha256);
    return place < cutOf(pick, nodeClass);
  });
  return wave < 0 ? undefined : wave;
}

/** Where a node stands in the order of a rollout: as good as random, and the same for ever. */
export function placeNode(rolloutId: string, node: string, sha256: Sha256): number {
  const digest = sha256(new TextEncoder().encode(`${rolloutId}\0${node}`));
  return Number.parseInt(digest.slice(0, 12), 16);
}

/** Empty for nodes without that label. */
export function classOf({ classLabel }: { readonly classLabel: string }, { labels }: NodeIdentity): string {
  return Object.hasOwn(labels, classLabel) ? (labels[classLabel] ?? "") : "";
}

/** Places below it are in. */
export function cutOf(pick: Extract<WavePick, { kind: "percent" }>, nodeClass: string): number {
  const { percent, cuts } = pick;
  if (percent >= 100) return PLACES;
  if (cuts !== undefined && Object.hasOwn(cuts, nodeClass)) return cuts[nodeClass] ?? 0;
  return Math.floor((percent / 100) * PLACES);
}
