import { type ImageReference, parseImageReference } from "../../../containerd/image-reference.ts";
import type { ResolvedHost } from "../../../containerd/resolved-host.ts";
import { fateOf } from "../../fate.ts";
import type { NodeView } from "../../node-view.ts";
import { listNamespaces } from "../../process/list-mirrors.ts";

/** A registry with mirrors that pulls ask, and what to ask them for. */
export interface ProbeTurn {
  readonly namespace: string;
  /** An image that was there once. Undefined: none is known, and the API alone is asked. */
  readonly image?: ImageReference;
  /** Of any image of that registry: in the order of trial. */
  readonly hosts: readonly ResolvedHost[];
}

export interface ChosenProbes {
  readonly turns: readonly ProbeTurn[];
  /** Registries beyond the limit. */
  readonly leftOut: readonly string[];
}

/**
 * Registries whose pulls ask a mirror, those of images on the node first. `images`: names of images, the best to ask
 * for first. `_default` is asked about through registries that it serves, where any is known.
 */
export function chooseProbes(view: NodeView, images: readonly string[], limit: number): ChosenProbes {
  const known = knownImages(images, view);
  const turns = [...new Set([...listNamespaces(view), ...known.keys()])].flatMap((namespace) =>
    turnOf(namespace, known.get(namespace), view),
  );
  const isCovered = turns.some(({ namespace }) => namespace !== "*" && isByDefault(namespace, view));
  const wanted = turns
    .filter(({ namespace }) => namespace !== "*" || !isCovered)
    .sort((one, other) => rank(one) - rank(other));
  return {
    turns: wanted.slice(0, limit),
    leftOut: wanted.slice(limit).map(({ namespace }) => namespace),
  };
}

function turnOf(namespace: string, image: ImageReference | undefined, view: NodeView): readonly ProbeTurn[] {
  const resolution = fateOf(namespace, view).byTag;
  const isAsked =
    resolution?.outcome.kind === "hosts" && resolution.hosts.some(({ role }) => role === "mirror");
  if (!isAsked) return [];
  return [{ namespace, hosts: resolution.hosts, ...(image === undefined ? {} : { image }) }];
}

/** The first by a tag of each registry, else the first by a digest. */
function knownImages(images: readonly string[], { version }: NodeView): ReadonlyMap<string, ImageReference> {
  const byNamespace = new Map<string, ImageReference>();
  for (const name of images) {
    // An image's ID is a record of its own.
    const parsed = name.startsWith("sha256:") ? undefined : parseImageReference(name, version);
    if (parsed?.ok !== true) continue;
    const { namespace, target } = parsed.reference;
    const before = byNamespace.get(namespace);
    if (before === undefined || (before.target.kind === "digest" && target.kind === "tag"))
      byNamespace.set(namespace, parsed.reference);
  }
  return byNamespace;
}

function isByDefault(namespace: string, view: NodeView): boolean {
  return fateOf(namespace, view).byTag?.directory?.endsWith("/_default") === true;
}

function rank({ image, namespace }: ProbeTurn): number {
  if (image !== undefined) return 0;
  return namespace === "*" ? 2 : 1;
}
