import { buildImage, type ImageOptions, type LabImage, type LabObject } from "./image.ts";
import type { LabRegistry } from "./registry.ts";

/** Where to push to. */
type Storage = Pick<LabRegistry, "storage">;

/** Makes an image nobody has seen before, pushes it and returns it, digests and all. */
export async function pushImage(
  registry: Storage,
  repository: string,
  tag: string,
  options: ImageOptions = {},
): Promise<LabImage> {
  const image = buildImage(options);
  await copyImage(registry, repository, tag, image);
  return image;
}

/** Pushes an image made before: the same digests in a second registry. */
export async function copyImage(registry: Storage, repository: string, tag: string, image: LabImage) {
  const push = pusher(registry, repository);
  for (const blob of image.blobs) await push.blob(blob);
  for (const manifest of image.manifests)
    await push.manifest(manifest, manifest.digest === image.digest ? tag : manifest.digest);
}

function pusher({ storage }: Storage, repository: string) {
  const authorization = storage.authorization(repository);
  const base = `${storage.url}/v2/${repository}`;
  const send = async (method: string, url: string, body?: LabObject): Promise<Response> => {
    const response = await fetch(url, {
      method,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { "content-type": body.mediaType }),
      },
      ...(body === undefined ? {} : { body: new Uint8Array(body.bytes) }),
    });
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
    return response;
  };
  return {
    async blob(blob: LabObject) {
      const upload = await send("POST", `${base}/blobs/uploads/`);
      const location = new URL(upload.headers.get("location") ?? "", storage.url);
      location.searchParams.set("digest", blob.digest);
      await send("PUT", location.href, { ...blob, mediaType: "application/octet-stream" });
    },
    manifest: (manifest: LabObject, reference: string) =>
      send("PUT", `${base}/manifests/${reference}`, manifest),
  };
}
