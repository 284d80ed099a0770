import type { Digest } from "../../core/bundle/bundle.ts";
import { AnswerError } from "./answer-error.ts";
import { isRedirect, type RegistryLink } from "./registry-link.ts";

/** Whether a repository has a blob. */
export async function headBlob(link: RegistryLink, repository: string, digest: Digest): Promise<boolean> {
  const url = new URL(`/v2/${repository}/blobs/${digest}`, link.url);
  const reply = await link.request({ method: "HEAD", url, staysPut: true }, { repository });
  if (reply.status === 404 || reply.status === 403) return false;
  // It knows in which storage the blob is.
  if (isRedirect(reply.status)) return true;
  if (reply.status !== 200) throw new AnswerError("HEAD", reply);
  return true;
}
