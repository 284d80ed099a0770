import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { BlobSource } from "../../src/bundle/blob-source.ts";
import type { Bundle } from "../../src/core/bundle/bundle.ts";
import type { LabImage, LabObject } from "./image.ts";

export interface MemoryBundle {
  readonly bundle: Bundle;
  readonly source: BlobSource;
  /** Digests in the order in which they were opened. */
  readonly opened: readonly string[];
}

/** A bundle that holds these images, by name; `without`: digests it lacks, `damaged`: bytes it has in their place. */
export function memoryBundle(
  images: Readonly<Record<string, LabImage>>,
  { without = [], damaged = {}, extra = [] }: MemoryBundleOptions = {},
): MemoryBundle {
  const objects = new Map<string, LabObject>();
  for (const image of [...Object.values(images), ...extra.map(({ image }) => image)])
    for (const object of [...image.blobs, ...image.manifests])
      if (!without.includes(object.digest)) objects.set(object.digest, object);
  const bytesOf = (digest: string): Uint8Array =>
    damaged[digest] ?? objects.get(digest)?.bytes ?? new Uint8Array();
  const opened: string[] = [];
  const named = Object.entries(images).map(([name, image]) => ({ name, image }));
  return {
    opened,
    bundle: {
      images: [...named, ...extra].map(({ name, image }) => ({
        name,
        top: {
          mediaType: image.mediaType,
          digest: image.digest,
          size: image.manifests.at(-1)?.bytes.length ?? 0,
        },
      })),
      blobs: new Map([...objects].map(([digest, { bytes }]) => [digest, { size: bytes.length }])),
    },
    source: {
      open(digest, range) {
        opened.push(digest);
        const bytes = bytesOf(digest).subarray(range?.start ?? 0, range?.end);
        const chunks = Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, at) =>
          bytes.subarray(at * CHUNK, (at + 1) * CHUNK),
        );
        return Readable.from(chunks);
      },
      describe: (digest) => `blobs/${digest.replace(":", "/")}`,
    },
  };
}

interface MemoryBundleOptions {
  readonly without?: readonly string[];
  readonly damaged?: Readonly<Record<string, Uint8Array>>;
  /** Without a name: referrers. */
  readonly extra?: readonly { readonly name: string | undefined; readonly image: LabImage }[];
}

const CHUNK = 64 * 1024;

/** A manifest of any kind, as an image of its own. */
export function labManifest(mediaType: string, text: string, blobs: readonly LabObject[] = []): LabImage {
  const manifest = labObject(mediaType, Buffer.from(text));
  return { digest: manifest.digest, mediaType, manifests: [manifest], blobs };
}

export function labObject(mediaType: string, bytes: Uint8Array): LabObject {
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, mediaType, bytes };
}
