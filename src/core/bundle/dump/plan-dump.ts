import type { Descriptor, Digest } from "../bundle.ts";
import { isForeign, type ManifestParts } from "../push/manifest-parts.ts";
import { renderTarHeader } from "../tar/render-header.ts";
import { filled } from "../tar/walk-tar.ts";
import { type LeftOut, type LeftOutBlob, renderRecord } from "./bundle-record.ts";

/** A manifest that was fetched. */
export interface FetchedManifest {
  readonly bytes: Uint8Array;
  readonly parts: ManifestParts;
}

/** An image that is to be dumped, of which all manifests have been fetched. */
export interface DumpImage {
  /** As containerd will ask for it. */
  readonly name: string;
  /** Where its blobs are: a host, and the repository. */
  readonly from: string;
  readonly top: Descriptor;
  /** What says something about it or its parts. */
  readonly referrers: readonly Descriptor[];
}

export interface DumpInput {
  readonly images: readonly DumpImage[];
  readonly manifests: ReadonlyMap<Digest, FetchedManifest>;
  /** For which platforms, as they were asked for; none: all. */
  readonly platforms: readonly string[];
  /** Of an older bundle: what it has, each with an image that it belongs to. */
  readonly since?:
    | { readonly name: string; readonly blobs: ReadonlyMap<Digest, string | undefined> }
    | undefined;
}

export interface DumpBlob {
  readonly digest: Digest;
  readonly size: number;
}

/** What a bundle will hold, in its order. */
export interface DumpPlan {
  /** Small files, which come first, so that whoever reads the bundle once knows from the start where all belongs. */
  readonly documents: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  /** Configs, then layers, in the order of their first use. */
  readonly blobs: readonly DumpBlob[];
  /** Bytes of the archive, uncompressed. */
  readonly size: number;
  readonly leftOut: LeftOut;
  /** Layers that stay with whoever owns them. */
  readonly foreign: readonly Descriptor[];
}

const INDEX = "application/vnd.oci.image.index.v1+json";

/** https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
export function planDump({ images, manifests, platforms, since }: DumpInput): DumpPlan {
  const walk = new Set<Digest>();
  const missing = new Set<Digest>();
  const visit = ({ digest }: Descriptor): void => {
    if (walk.has(digest)) return;
    const found = manifests.get(digest);
    if (found === undefined) return void missing.add(digest);
    walk.add(digest);
    for (const child of found.parts.manifests) visit(child);
  };
  for (const { top, referrers } of images) for (const one of [top, ...referrers]) visit(one);

  const parts = [...walk].map((digest) => manifests.get(digest)?.parts.blobs ?? []);
  const ordered = [...parts.flatMap((all) => all.slice(0, 1)), ...parts.flatMap((all) => all.slice(1))];
  const blobs = new Map<Digest, DumpBlob>();
  const foreign = new Map<Digest, Descriptor>();
  const known = new Map<Digest, LeftOutBlob>();
  for (const blob of ordered) {
    const { digest, size } = blob;
    // A manifest may be a blob of another: it is in there already.
    if (walk.has(digest)) continue;
    if (isForeign(blob)) foreign.set(digest, blob);
    else if (since?.blobs.has(digest) === true) {
      const image = since.blobs.get(digest);
      known.set(digest, { digest, size, ...(image === undefined ? {} : { image }) });
    } else if (!blobs.has(digest)) blobs.set(digest, { digest, size });
  }
  const leftOut: LeftOut = {
    platforms,
    since: since?.name,
    manifests: [...missing],
    blobs: [...known.values()],
  };
  const documents = [
    { path: "oci-layout", bytes: encode({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", bytes: encode(renderIndex(images)) },
    ...renderRecord(leftOut),
    ...[...walk].map((digest) => ({
      path: blobPath(digest),
      bytes: manifests.get(digest)?.bytes ?? new Uint8Array(),
    })),
  ];
  const sizes = [
    ...documents.map(({ path, bytes }) => entrySize(path, bytes.length)),
    ...[...blobs.values()].map(({ digest, size }) => entrySize(blobPath(digest), size)),
  ];
  return {
    documents,
    blobs: [...blobs.values()],
    size: sizes.reduce((sum, size) => sum + size, 0) + 1024,
    leftOut,
    foreign: [...foreign.values()],
  };
}

export function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function entrySize(path: string, size: number): number {
  return renderTarHeader(path, size).length + filled(size);
}

/** The whole name in both annotations: containerd reads the one, skopeo, crane and oras the other. */
function renderIndex(images: readonly DumpImage[]) {
  const referrers = new Map(
    images.flatMap((image) => image.referrers.map((one) => [one.digest, one] as const)),
  );
  return {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [
      ...images.map(({ name, top: { mediaType, digest, size } }) => ({
        mediaType,
        digest,
        size,
        annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name },
      })),
      ...[...referrers.values()].map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    ],
  };
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}
