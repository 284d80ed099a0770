import { describeFate, type Fate, fateOf, hasMirror, nameNamespace } from "./fate.ts";
import { listSome } from "./list-some.ts";
import type { NodeView } from "./node-view.ts";

/** What becomes of the pulls of several namespaces, the worst first, in one sentence. */
export function describeFates(namespaces: Iterable<string>, view: NodeView): string {
  const fates = [...new Set(namespaces)].map((namespace) => fateOf(namespace, view)).sort(compareFates);
  const [worst, ...others] = fates;
  if (worst === undefined) return "no namespace is configured yet, so that no pull is affected";
  const alike = others.filter((fate) => rankOf(fate) === rankOf(worst)).map(({ namespace }) => namespace);
  const rest = alike.length === 0 ? "" : `; the same goes for ${listSome(alike.map(nameNamespace))}`;
  return `${describeFate(worst)}${rest}`;
}

function compareFates(a: Fate, b: Fate): number {
  const byName = a.namespace < b.namespace ? -1 : 1;
  return rankOf(a) - rankOf(b) || Number(a.namespace === "*") - Number(b.namespace === "*") || byName;
}

function rankOf(fate: Fate): number {
  if (fate.byTag === undefined || fate.byTag.outcome.kind === "pull-fails") return 0;
  return hasMirror(fate) ? 2 : 1;
}
