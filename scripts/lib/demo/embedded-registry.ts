import type { LabImage, LabObject } from "../../../test/support/image.ts";
import { startServer } from "../../../test/support/lab-server.ts";

/** A small registry over HTTP that serves one image, for machines that cannot run docker-registry. */
export interface EmbeddedRegistry {
  readonly url: string;
  /** `status method path`, in order of arrival. */
  accesses(): readonly string[];
  stop(): Promise<void>;
}

export async function startEmbeddedRegistry(
  repository: string,
  tag: string,
  image: LabImage,
): Promise<EmbeddedRegistry> {
  const objects = objectsByPath(`/v2/${repository}`, tag, image);
  const accesses: string[] = [];
  const server = await startServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    const object = objects.get(path);
    const status = path === "/v2/" || object !== undefined ? 200 : 404;
    accesses.push(`${status} ${(request.method ?? "").padEnd(4)} ${request.url}`);
    response.writeHead(status, headersOf(object));
    response.end(request.method === "HEAD" ? undefined : object?.bytes);
  }, undefined);
  return { url: server.url, accesses: () => accesses, stop: server.close };
}

function objectsByPath(base: string, tag: string, image: LabImage): ReadonlyMap<string, LabObject> {
  const manifests = image.manifests.map((one) => [`${base}/manifests/${one.digest}`, one] as const);
  const blobs = image.blobs.map((one) => [`${base}/blobs/${one.digest}`, one] as const);
  const tagged = image.manifests.filter((one) => one.digest === image.digest);
  return new Map([
    ...manifests,
    ...blobs,
    ...tagged.map((one) => [`${base}/manifests/${tag}`, one] as const),
  ]);
}

function headersOf(object: LabObject | undefined): Record<string, string | number> {
  if (object === undefined) return {};
  return {
    "content-type": object.mediaType,
    "content-length": object.bytes.length,
    "docker-content-digest": object.digest,
  };
}
