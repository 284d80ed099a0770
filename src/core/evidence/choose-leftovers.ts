import type { ImageReference } from "../containerd/image-reference.ts";

/**
 * Of the records that name the content of a pulled image, those that came with this pull and that nothing else needs.
 * The ID is shared by all references to the content, the digest record by all tags of the repository.
 */
export function chooseLeftovers(
  { normalized, namespace, repository }: Pick<ImageReference, "normalized" | "namespace" | "repository">,
  names: readonly string[],
  before: ReadonlySet<string>,
): readonly string[] {
  if (before.has(normalized)) return [];
  const digestRecord = `${namespace}/${repository}@`;
  const tags = names.filter((name) => !isId(name) && !name.startsWith(digestRecord) && name !== normalized);
  const tagsBeside = tags.filter((name) => name.startsWith(`${namespace}/${repository}:`));
  const isOurs = (name: string): boolean => {
    if (isId(name)) return tags.length === 0;
    return name.startsWith(digestRecord) ? tagsBeside.length === 0 : name === normalized;
  };
  return names.filter((name) => isOurs(name) && !before.has(name));
}

function isId(name: string): boolean {
  return !name.includes("/");
}
