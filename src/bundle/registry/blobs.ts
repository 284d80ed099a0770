import type { Digest } from "../../core/bundle/bundle.ts";
import { AnswerError } from "./answer-error.ts";
import type { Rights } from "./push-authorizer.ts";
import { isRedirect, type RegistryLink } from "./registry-link.ts";
import type { Reply } from "./send-request.ts";

/** Whether a repository has a blob. */
export async function headBlob(link: RegistryLink, repository: string, digest: Digest): Promise<boolean> {
  const reply = await ask(link, { repository }, digest);
  if (reply.status === 404 || reply.status === 403) return false;
  // It knows in which storage the blob is.
  if (isRedirect(reply.status)) return true;
  if (reply.status !== 200) throw new AnswerError("HEAD", reply);
  return true;
}

/** For whoever pulls: the answer that it is not there. Undefined: it may be. */
export async function findAbsence(
  link: RegistryLink,
  repository: string,
  digest: Digest,
): Promise<AnswerError | undefined> {
  const answer = new AnswerError("HEAD", await ask(link, { repository, isPull: true }, digest));
  if (answer.retryable) throw answer;
  return answer.status === 404 || answer.status === 410 ? answer : undefined;
}

function ask(link: RegistryLink, rights: Rights, digest: Digest): Promise<Reply> {
  const url = new URL(`/v2/${rights.repository}/blobs/${digest}`, link.url);
  return link.request({ method: "HEAD", url, staysPut: true }, rights);
}
