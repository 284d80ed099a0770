import type { Digest } from "../bundle.ts";
import type { TreeManifest } from "./image-tree.ts";
import { readManifestParts } from "./manifest-parts.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";

/** Where clients look for the referrers of a manifest at a registry that does not list them itself. */
export function fallbackTag(subject: Digest): string {
  return subject.replace(":", "-").slice(0, 128);
}

/**
 * The index under that tag with one referrer more; undefined: it is in there. What else the index says is kept.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
 */
export function addReferrer(
  before: Uint8Array | undefined,
  { digest, size, parts }: TreeManifest,
): { readonly mediaType: string; readonly bytes: Uint8Array } | undefined {
  const known = before === undefined ? undefined : readManifestParts(before, INDEX);
  // An index that cannot be read is none that anybody else could use.
  const kept = before !== undefined && known?.ok === true ? parseIndex(before) : {};
  const manifests = Array.isArray(kept["manifests"]) ? (kept["manifests"] as readonly unknown[]) : [];
  if (manifests.some((one) => (one as { digest?: unknown } | null)?.digest === digest)) return undefined;
  const { mediaType, artifactType, annotations } = parts;
  const added = {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  const index = { schemaVersion: 2, ...kept, mediaType: INDEX, manifests: [...manifests, added] };
  return { mediaType: INDEX, bytes: new TextEncoder().encode(JSON.stringify(index)) };
}

function parseIndex(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
}
