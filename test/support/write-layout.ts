import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabImage } from "./image.ts";

/** Writes images as an OCI layout, by name, as `crane` and `skopeo` do; the folder is made. */
export async function writeLayout(folder: string, images: Readonly<Record<string, LabImage>>): Promise<void> {
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  for (const image of Object.values(images))
    for (const { digest, bytes } of [...image.blobs, ...image.manifests])
      await writeFile(join(folder, "blobs", digest.replace(":", "/")), bytes);
  const manifests = Object.entries(images).map(([name, { mediaType, digest, manifests: all }]) => ({
    mediaType,
    digest,
    size: all.at(-1)?.bytes.length ?? 0,
    annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name },
  }));
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}
