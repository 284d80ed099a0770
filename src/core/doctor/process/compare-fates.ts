import { describeFate, fateOf } from "../fate.ts";
import type { NodeView } from "../node-view.ts";
import { listNamespaces } from "./list-mirrors.ts";

/** How pulls differ between two views of a node: the first registry in words and the number of the others; undefined: not at all. */
export function compareFates(one: NodeView, other: NodeView): FateDifference | undefined {
  const all = [...new Set([...listNamespaces(one), ...listNamespaces(other)])];
  const differing = all.flatMap((namespace) => {
    const [here, there] = [one, other].map((view) => describeFate(fateOf(namespace, view)));
    return here === undefined || there === undefined || here === there ? [] : [{ here, there }];
  });
  const [first, ...more] = differing;
  return first && { ...first, more: more.length };
}

export interface FateDifference {
  /** `every pull of gcr.io goes straight to https://gcr.io` */
  readonly here: string;
  readonly there: string;
  /** Registries besides, whose pulls differ too. */
  readonly more: number;
}

/** `, and 3 more registries in the same way`; "" for none. */
export function andMore(more: number): string {
  return more === 0 ? "" : ` (and ${more} more ${more === 1 ? "registry" : "registries"} in some such way)`;
}
