import type { Assembly } from "../assembly.ts";
import type { BundleImage, Descriptor, Digest } from "../bundle.ts";
import { BundleError } from "../bundle-error.ts";
import { type Gathered, hold, holdMember } from "../gathered.ts";
import { readManifestParts } from "../push/manifest-parts.ts";
import { digestInPath, type SavedImage, type SavedLayer } from "./read-saved-images.ts";

const DOCKER = "application/vnd.docker";
const MANIFEST = `${DOCKER}.distribution.manifest.v2+json`;
const LAYER = `${DOCKER}.image.rootfs.diff.tar`;

/**
 * Makes the manifest that `docker save` did not keep: Docker's of schema 2, over the layers as they are, so that the
 * same archive always gives the same digest. `why` is told with the images.
 */
export function* gatherSavedImage(
  gathered: Gathered,
  image: SavedImage,
  digestOf: (bytes: Uint8Array) => Digest,
  why: string,
): Assembly<readonly BundleImage[]> {
  const layers: Descriptor[] = [];
  for (const layer of image.layers) layers.push(yield* gatherLayer(gathered, layer));
  const config = { mediaType: `${DOCKER}.container.image.v1+json`, ...pick(image.config) };
  const document = { schemaVersion: 2, mediaType: MANIFEST, config, layers: layers.map(pickLayer) };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const digest = digestOf(bytes);
  hold(gathered, digest, { size: bytes.length, place: "a manifest made for it", bytes });
  const read = readManifestParts(bytes, MANIFEST);
  if (read.ok) gathered.manifests.set(digest, read.parts);
  const top = { mediaType: MANIFEST, digest, size: bytes.length, platform: image.platform };
  const names = image.names.length === 0 ? [undefined] : image.names;
  const newDigest = `${why}; its image ID ${image.config.digest} stays`;
  const problem = image.problem === undefined ? {} : { problem: image.problem };
  return names.map((name) => ({ name, top, newDigest, ...problem }));
}

function* gatherLayer(gathered: Gathered, { diffId, member, source }: SavedLayer): Assembly<Descriptor> {
  if (member === undefined) return source ?? { mediaType: LAYER, digest: diffId, size: 0 };
  const { nature } = yield { ask: "nature", member };
  if (nature === "tar") {
    holdMember(gathered, diffId, member);
    return { mediaType: LAYER, digest: diffId, size: member.size };
  }
  if (nature !== "gzip")
    throw new BundleError("unsupported", `${member.place}: a layer that is neither a tar nor one by gzip`);
  const digest = digestInPath(member.path) ?? (yield { ask: "digests", member }).digests?.digest;
  if (digest === undefined) throw new BundleError("unreadable", `${member.place}: its digest is not known`);
  holdMember(gathered, digest, member, diffId);
  return { mediaType: `${LAYER}.gzip`, digest, size: member.size };
}

function pick({ digest, size }: { readonly digest: Digest; readonly size: number }) {
  return { size, digest };
}

function pickLayer(layer: Descriptor) {
  const { mediaType, urls } = layer;
  return { mediaType, ...pick(layer), ...(urls === undefined ? {} : { urls }) };
}
