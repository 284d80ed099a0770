import type { Digest } from "../../core/bundle/bundle.ts";
import { AnswerError } from "./answer-error.ts";
import type { RegistryLink } from "./registry-link.ts";

export interface ManifestUpload {
  readonly repository: string;
  /** A tag, or its digest. */
  readonly reference: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "*/*",
].join(", ");

/** What stands under a tag, or whether a digest is there. Undefined: nothing is. */
export async function headManifest(
  link: RegistryLink,
  repository: string,
  reference: string,
): Promise<Digest | undefined> {
  const url = manifestUrl(link, repository, reference);
  const reply = await link.request({ method: "HEAD", url, headers: { accept: ACCEPT } }, { repository });
  // Artifactory answers 403 to a HEAD for what is not there, to those who may push.
  if (reply.status === 404 || reply.status === 403) return undefined;
  if (reply.status !== 200) throw new AnswerError("HEAD", reply);
  const digest = reply.headers["docker-content-digest"];
  if (typeof digest === "string") return digest;
  return reference.includes(":") ? reference : "";
}

/** The bytes under a reference; undefined: nothing is there. */
export async function getManifest(
  link: RegistryLink,
  repository: string,
  reference: string,
  maxBytes: number,
  isPull = false,
): Promise<Buffer | undefined> {
  const url = manifestUrl(link, repository, reference);
  const ask = { method: "GET", url, headers: { accept: ACCEPT }, maxBytes } as const;
  const reply = await link.request(ask, { repository, ...(isPull ? { isPull } : {}) });
  if (reply.status === 404) return undefined;
  if (reply.status !== 200) throw new AnswerError("GET", reply);
  return reply.body;
}

/**
 * Puts the bytes as they are. True: the registry keeps track of its subject itself.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
 */
export async function putManifest(link: RegistryLink, manifest: ManifestUpload): Promise<boolean> {
  const { repository, reference, digest, mediaType, bytes } = manifest;
  const url = manifestUrl(link, repository, reference);
  const body = { length: bytes.length, open: () => [bytes] };
  const headers = { "content-type": mediaType };
  const reply = await link.request({ method: "PUT", url, headers, body }, { repository });
  if (![200, 201, 202, 204].includes(reply.status)) throw new AnswerError("PUT", reply);
  const stored = reply.headers["docker-content-digest"];
  if (stored !== undefined && stored !== digest)
    throw new AnswerError("PUT", reply, {
      why: `it stored ${String(stored)} instead of ${digest}: it changes what it is given`,
    });
  return reply.headers["oci-subject"] !== undefined;
}

function manifestUrl({ url }: RegistryLink, repository: string, reference: string): URL {
  return new URL(`/v2/${repository}/manifests/${reference}`, url);
}
