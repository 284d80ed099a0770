import type { Digest } from "../../core/bundle/bundle.ts";
import type { NotDeleted } from "../../core/bundle/push/left-over.ts";
import { RegistryError } from "../../registry/registry-error.ts";
import { PROBE_DIGEST, probeRepository } from "./probe-mounts.ts";
import type { RegistryLink } from "./registry-link.ts";

/**
 * Takes blobs out of a staging repository again; the repositories that mounted them keep them. Returns why something
 * stays; undefined: nothing does. Most registries delete only when they are told to.
 */
export async function clearStaging(
  link: RegistryLink,
  staging: string,
  digests: readonly Digest[],
): Promise<NotDeleted | undefined> {
  for (const digest of [...digests, PROBE_DIGEST]) {
    const why = await deleteBlob(link, staging, digest);
    if (why !== undefined) return why;
  }
  // Pushes have it in common, and one that may not go there has left nothing in it.
  await deleteBlob(link, probeRepository(staging), PROBE_DIGEST);
  return undefined;
}

async function deleteBlob(
  link: RegistryLink,
  repository: string,
  digest: Digest,
): Promise<NotDeleted | undefined> {
  const url = new URL(`/v2/${repository}/blobs/${digest}`, link.url);
  try {
    const { status } = await link.request({ method: "DELETE", url }, { repository });
    if ([200, 202, 204, 404].includes(status)) return undefined;
    if (status === 403) return "refused";
    return status < 500 || status === 501 ? "unsupported" : "broken";
  } catch (error) {
    const isRefused =
      error instanceof RegistryError && ["credentials-refused", "token-refused"].includes(error.code);
    return isRefused ? "refused" : "broken";
  }
}
