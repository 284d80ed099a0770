import type { Digest } from "../../core/bundle/bundle.ts";
import { PROBE_DIGEST, probeRepository } from "./probe-mounts.ts";
import type { RegistryLink } from "./registry-link.ts";

/**
 * Takes blobs out of a staging repository again; the repositories that mounted them keep them. False: the registry does
 * not do that, as most do not unless they are told to.
 */
export async function clearStaging(
  link: RegistryLink,
  staging: string,
  digests: readonly Digest[],
): Promise<boolean> {
  const all = digests.map((digest) => [staging, digest] as const);
  for (const [repository, digest] of [
    ...all,
    [staging, PROBE_DIGEST],
    [probeRepository(staging), PROBE_DIGEST],
  ]) {
    const url = new URL(`/v2/${repository}/blobs/${digest}`, link.url);
    const asked = link.request({ method: "DELETE", url }, { repository: repository ?? "" });
    const reply = await asked.catch(() => undefined);
    if (reply === undefined || ![200, 202, 204, 404].includes(reply.status)) return false;
  }
  return true;
}
