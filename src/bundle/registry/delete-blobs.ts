import type { Digest } from "../../core/bundle/bundle.ts";
import type { RegistryLink } from "./registry-link.ts";

/** Takes blobs out of a repository. False: the registry does not do that, or does not answer. */
export async function deleteBlobs(
  link: RegistryLink,
  repository: string,
  digests: readonly Digest[],
): Promise<boolean> {
  for (const digest of digests) {
    const url = new URL(`/v2/${repository}/blobs/${digest}`, link.url);
    const reply = await link.request({ method: "DELETE", url }, { repository }).catch(() => undefined);
    if (reply === undefined || ![200, 202, 204, 404].includes(reply.status)) return false;
  }
  return true;
}
