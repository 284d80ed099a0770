import type { ImageReference } from "../containerd/image-reference.ts";

/** The name of an image, and the digest it stands for. */
export interface NamedImage {
  readonly name: string;
  readonly target: string;
}

/** Enough for every canary that a pass or a timer has under way; older ones stay on the node. */
const MAX_CREATED = 64;

/** The names of one pulled image that were not there before its pull: of its reference, its digest, and its ID. */
export function createdBy(
  { normalized, namespace, repository }: Pick<ImageReference, "normalized" | "namespace" | "repository">,
  before: ReadonlySet<string>,
  after: readonly NamedImage[],
): readonly NamedImage[] {
  const pulled = after.find(({ name }) => name === normalized);
  if (pulled === undefined || before.has(normalized)) return [];
  const isOf = (name: string): boolean =>
    name === normalized || name.startsWith(`${namespace}/${repository}@`) || !name.includes("/");
  return after.filter(({ name, target }) => target === pulled.target && isOf(name) && !before.has(name));
}

export function withCreated(
  known: readonly NamedImage[],
  fresh: readonly NamedImage[],
): readonly NamedImage[] {
  const names = new Set(fresh.map(({ name }) => name));
  return [...known.filter(({ name }) => !names.has(name)), ...fresh].slice(-MAX_CREATED);
}

/** Whether every name came with a pull of ours, and stands for the same content still; one that is gone is fine. */
export function mayDelete(
  names: readonly string[],
  known: readonly NamedImage[],
  present: readonly NamedImage[],
): boolean {
  const created = new Map(known.map(({ name, target }) => [name, target]));
  const now = new Map(present.map(({ name, target }) => [name, target]));
  return names.every((name) => created.has(name) && (!now.has(name) || now.get(name) === created.get(name)));
}
