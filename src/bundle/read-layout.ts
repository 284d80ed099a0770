import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BundleImage, Digest } from "../core/bundle/bundle.ts";
import { isDigest } from "../core/containerd/image-reference.ts";
import type { OpenBundle } from "./upload/read-image-trees.ts";
import { BadBlobError } from "./upload/verified-bytes.ts";

/** Reads an OCI layout in a folder. Throws BadBlobError. */
export function readLayout(folder: string): OpenBundle {
  const blobs = new Map<Digest, { readonly size: number }>();
  let index: { manifests?: readonly Record<string, never>[] };
  try {
    index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
    for (const algorithm of readdirSync(join(folder, "blobs")))
      for (const hex of readdirSync(join(folder, "blobs", algorithm)))
        if (isDigest(`${algorithm}:${hex}`))
          blobs.set(`${algorithm}:${hex}`, { size: statSync(join(folder, "blobs", algorithm, hex)).size });
  } catch (error) {
    throw new BadBlobError(`${folder} is no OCI layout: ${error instanceof Error ? error.message : error}`);
  }
  const pathOf = (digest: Digest): string => join(folder, "blobs", ...digest.split(":"));
  const images = (index.manifests ?? []).map((entry): BundleImage => {
    const annotations: Record<string, string> = entry["annotations"] ?? {};
    const full = annotations["org.opencontainers.image.ref.name"];
    const name = annotations["io.containerd.image.name"] ?? (full?.includes("/") ? full : undefined);
    return {
      name,
      top: { mediaType: entry["mediaType"] ?? "", digest: entry["digest"] ?? "", size: entry["size"] ?? 0 },
    };
  });
  return {
    bundle: { images, blobs },
    source: {
      open: (digest, range) =>
        createReadStream(pathOf(digest), {
          highWaterMark: 256 * 1024,
          ...(range === undefined ? {} : { start: range.start, end: range.end - 1 }),
        }),
      describe: pathOf,
    },
  };
}
