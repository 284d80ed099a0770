/** One order for items that several lists order; `conflict` when the lists contradict each other. */
export interface MergedOrder {
  readonly order: readonly string[];
  readonly conflict: boolean;
}

/**
 * Merges lists so that each keeps its own order. Where the lists leave it open, the earlier appearance goes
 * first; where they contradict each other, too, and `conflict` is set. Deterministic. Items within a list are
 * unique.
 */
export function mergeOrders(lists: readonly (readonly string[])[]): MergedOrder {
  const [only, second] = lists;
  if (only !== undefined && second === undefined) return { order: only, conflict: false };
  const waiting = new Map<string, Set<string>>();
  for (const list of lists) {
    list.forEach((item, index) => {
      const before = waiting.get(item) ?? new Set();
      waiting.set(item, before);
      const previous = list[index - 1];
      if (previous !== undefined) before.add(previous);
    });
  }
  const order: string[] = [];
  let conflict = false;
  while (waiting.size > 0) {
    const free = [...waiting].find(([, before]) => [...before].every((item) => !waiting.has(item)));
    const next = free ?? waiting.entries().next().value;
    if (next === undefined) break;
    if (free === undefined) conflict = true;
    order.push(next[0]);
    waiting.delete(next[0]);
  }
  return { order, conflict };
}
