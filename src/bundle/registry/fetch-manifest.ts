import type { Descriptor, Digest } from "../../core/bundle/bundle.ts";
import { isDigest } from "../../core/containerd/image-reference.ts";
import { bareMediaType } from "../../core/containerd/pull/media-types.ts";
import { digestOf } from "../read/digest-stream.ts";
import { AnswerError } from "./answer-error.ts";
import { ACCEPT } from "./manifests.ts";
import type { RegistryLink } from "./registry-link.ts";
import { WrongContentError } from "./wrong-content.ts";

export interface PulledManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** What registries take at most: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The bytes under a tag or a digest, checked against the digest, where there is one, and against what the registry
 * says. Rejects as RegistryLink does, with AnswerError (404: nothing is there) and with WrongContentError.
 */
export async function fetchManifest(
  link: RegistryLink,
  repository: string,
  reference: string,
  expected?: Pick<Descriptor, "size">,
): Promise<PulledManifest> {
  const url = new URL(`/v2/${repository}/manifests/${reference}`, link.url);
  const ask = { method: "GET", url, headers: { accept: ACCEPT }, maxBytes: MAX_BYTES + 1 } as const;
  const reply = await link.request(ask, { repository, isPull: true });
  if (reply.status !== 200) throw new AnswerError("GET", reply);
  const { body: bytes, headers } = reply;
  const wrong = (what: string): WrongContentError =>
    new WrongContentError(`${link.url.host}, ${repository}, manifest ${reference}: ${what}`);
  if (bytes.length > MAX_BYTES) throw wrong(`it has more than ${MAX_BYTES} bytes`);
  const told = headers["docker-content-digest"];
  const wanted = isDigest(reference)
    ? reference
    : typeof told === "string" && isDigest(told)
      ? told
      : "sha256:";
  const algorithm = wanted.slice(0, wanted.indexOf(":"));
  const digest = digestOf(bytes, algorithm);
  if (wanted !== "sha256:" && wanted !== digest)
    throw wrong(`what the registry sends has the digest ${digest} instead of ${wanted}`);
  if (expected !== undefined && expected.size !== bytes.length)
    throw wrong(`the registry sends ${bytes.length} bytes, and the index says ${expected.size}`);
  return { digest, mediaType: bareMediaType(headers["content-type"] ?? ""), bytes };
}
