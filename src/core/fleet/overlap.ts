import type { Selector } from "../signing/selector.ts";

/**
 * Whether a node can match both. A node's labels are not looked at, for they change: a list of ids may overlap any
 * labels. False is certain, true may be over-careful.
 */
export function mayOverlap(one: Selector, other: Selector): boolean {
  if (isEverybody(one) || isEverybody(other)) return true;
  if (one.nodes !== undefined && other.labels !== undefined) return true;
  if (one.labels !== undefined && other.nodes !== undefined) return true;
  if (one.nodes?.some((node) => other.nodes?.includes(node))) return true;
  return one.labels !== undefined && other.labels !== undefined && mayShare(one.labels, other.labels);
}

/** Whether every node that matches `inner` matches `outer`. False may be over-careful. */
export function isWithin(inner: Selector, outer: Selector): boolean {
  if (isEverybody(outer)) return true;
  if (isEverybody(inner)) return false;
  const hasNodes = inner.nodes?.every((node) => outer.nodes?.includes(node)) ?? true;
  const hasLabels =
    inner.labels === undefined || (outer.labels !== undefined && isNarrower(inner.labels, outer.labels));
  return hasNodes && hasLabels;
}

type Labels = Readonly<Record<string, readonly string[]>>;

function isEverybody({ nodes, labels }: Selector): boolean {
  return nodes === undefined && labels === undefined;
}

function mayShare(one: Labels, other: Labels): boolean {
  return Object.entries(one).every(([key, values]) => {
    const others = Object.hasOwn(other, key) ? other[key] : undefined;
    return others === undefined || values.some((value) => others.includes(value));
  });
}

function isNarrower(inner: Labels, outer: Labels): boolean {
  return Object.entries(outer).every(([key, values]) => {
    const own = Object.hasOwn(inner, key) ? inner[key] : undefined;
    return own?.every((value) => values.includes(value)) === true;
  });
}
