import type { Place } from "../issue.ts";

/** A YAML or JSON document as plain data that knows where each part stands. Keys are unique text. */
export type Tree = MapTree | ListTree | ScalarTree;

export interface MapTree {
  readonly kind: "map";
  readonly at: Place;
  readonly entries: ReadonlyMap<string, TreeEntry>;
}

export interface TreeEntry {
  readonly keyAt: Place;
  readonly value: Tree;
}

export interface ListTree {
  readonly kind: "list";
  readonly at: Place;
  readonly items: readonly Tree[];
}

export interface ScalarTree {
  readonly kind: "scalar";
  readonly at: Place;
  readonly value: string | number | boolean | bigint | null;
}

/** What the value is, in the words of a person who writes YAML. */
export function describeTree(tree: Tree): string {
  if (tree.kind === "map") return "a mapping";
  if (tree.kind === "list") return "a list";
  if (tree.value === null) return "empty";
  if (typeof tree.value === "string") return "text";
  return typeof tree.value === "boolean" ? "true or false" : "a number";
}
