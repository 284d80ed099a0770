import { withDigest } from "../../core/bundle/push/upload-location.ts";
import type { FailureCode } from "../../core/evidence/registry-failure.ts";
import { RegistryError } from "../../registry/registry-error.ts";
import { AnswerError } from "./answer-error.ts";
import type { RegistryLink } from "./registry-link.ts";
import type { Outgoing, Reply } from "./send-request.ts";
import { uploadInChunks } from "./upload-chunks.ts";
import { type BlobUpload, locationOf, readSession, type UploadSession } from "./upload-session.ts";

/** How this registry takes blobs: learnt from its answers, the same for all that follow. */
export interface UploadWays {
  /** Most bytes of one request; undefined: any number. */
  chunkBytes: number | undefined;
  /** It does not take the bytes with the request that ends an upload, as Artifactory of old. */
  patchFirst: boolean;
  /** It breaks when it is asked to mount, and takes the same blob without that. */
  noMounts?: boolean;
}

export type UploadEnd = "mounted" | "uploaded";

/**
 * Gets a blob into a repository: a mount where another has it, and in the same request the start of an upload for when
 * that is refused. `failed`: how often it has failed before. Rejects as RegistryLink does, and with AnswerError.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
 */
export async function uploadBlob(
  link: RegistryLink,
  blob: BlobUpload,
  ways: UploadWays,
  failed = 0,
): Promise<UploadEnd> {
  for (;;) {
    const session = await beginUpload(link, blob, ways, failed);
    if (session === "mounted") return session;
    const used = { ...ways };
    try {
      await sendBlob(link, blob, session, used, failed > 0);
      return "uploaded";
    } catch (error) {
      if (!(error instanceof AnswerError)) {
        await cancel(link, blob, session);
        throw error;
      }
      if (!learnWay(error, { blob, used, ways, session })) throw error;
      await cancel(link, blob, session);
    }
  }
}

type Mount = Pick<BlobUpload, "repository" | "digest" | "from">;

/** Gets a blob from another repository of the registry. False: it does not do that, or does not have it. */
export async function mountBlob(link: RegistryLink, mount: Mount): Promise<boolean> {
  const session = await beginUpload(link, mount);
  if (session === "mounted") return true;
  await cancel(link, mount, session);
  return false;
}

/** A mount, or an upload that the registry has begun. `failed`: how often that has failed before. */
export async function beginUpload(
  link: RegistryLink,
  blob: Mount,
  ways: Pick<UploadWays, "noMounts"> = {},
  failed = 0,
): Promise<UploadSession | "mounted"> {
  const { repository, digest, from } = blob;
  const plain = new URL(`/v2/${repository}/blobs/uploads/`, link.url);
  let broken = false;
  if (from !== undefined && from !== repository && ways.noMounts !== true) {
    const url = new URL(`?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`, plain);
    const reply = await askToMount(link, url, { repository, from });
    if (reply?.status === 201) return "mounted";
    if (reply?.status === 202) return readSession(reply);
    broken = reply !== undefined && reply.status >= 500;
    // Once may be a moment's trouble, and what has gone by can be had by a mount only.
    if (reply !== undefined && (reply.status === 429 || (broken && failed === 0)))
      throw new AnswerError("POST", reply);
    // Some refuse the whole request when they will not mount: then it is an upload like any other.
  }
  const reply = await link.request({ method: "POST", url: plain }, { repository });
  if (reply.status !== 202) throw new AnswerError("POST", reply);
  // The mount alone was what it could not do.
  if (broken) ways.noMounts = true;
  return readSession(reply);
}

/** Undefined: not with this login, which may well push. */
async function askToMount(
  link: RegistryLink,
  url: URL,
  rights: { repository: string; from: string },
): Promise<Reply | undefined> {
  try {
    return await link.request({ method: "POST", url }, rights);
  } catch (error) {
    if (error instanceof RegistryError && NOT_LET_IN.includes(error.code)) return undefined;
    throw error;
  }
}

const NOT_LET_IN: readonly FailureCode[] = [
  "credentials-refused",
  "token-refused",
  "no-credentials",
  "unknown-scheme",
];

async function sendBlob(
  link: RegistryLink,
  blob: BlobUpload,
  session: UploadSession,
  ways: UploadWays,
  asksFirst: boolean,
): Promise<void> {
  const { chunkBytes, patchFirst } = ways;
  if (chunkBytes !== undefined && blob.size > chunkBytes) {
    const location = await uploadInChunks(link, blob, session, Math.max(chunkBytes, session.leastChunk));
    return endUpload(link, blob, location);
  }
  const body = { length: blob.size, open: () => blob.open(), onSent: blob.onSent };
  // A connection broke before: whoever did not want all that may say so before it is sent once more.
  const sending = { headers: OCTETS, body, answerMs: answerMs(blob.size), asksFirst };
  if (!patchFirst) return endUpload(link, blob, session.location, sending);
  const { repository } = blob;
  const reply = await link.request({ method: "PATCH", url: session.location, ...sending }, { repository });
  if (![201, 202, 204].includes(reply.status)) throw new AnswerError("PATCH", reply);
  return endUpload(
    link,
    blob,
    reply.headers.location === undefined ? session.location : locationOf("PATCH", reply),
  );
}

/** Of what is sent as a blob. */
export const OCTETS = { "content-type": "application/octet-stream" };

/** What makes an upload a blob: its bytes are there, or go along. */
export async function endUpload(
  link: RegistryLink,
  { repository, digest, size }: Pick<BlobUpload, "repository" | "digest" | "size">,
  location: URL,
  sending: Partial<Outgoing> = { answerMs: answerMs(size) },
): Promise<void> {
  const url = withDigest(location, digest);
  const reply = await link.request({ method: "PUT", url, headers: OCTETS, ...sending }, { repository });
  if (![200, 201, 202, 204].includes(reply.status)) throw new AnswerError("PUT", reply);
}

/** The end of an upload may have the registry copy all of it in its storage. */
export function answerMs(size: number): number {
  return 600_000 + size / 20_000;
}

const FIRST_CHUNK = 16 * 1024 * 1024;
const SMALLEST_CHUNK = 256 * 1024;

interface Refused {
  readonly blob: Pick<BlobUpload, "size">;
  /** How it was sent; other uploads may have learnt since. */
  readonly used: UploadWays;
  readonly ways: UploadWays;
  readonly session: UploadSession;
}

/** Takes from a refusal how to do it otherwise. False: there is no other way. */
export function learnWay(error: AnswerError, { blob: { size }, used, ways, session }: Refused): boolean {
  if (error.status === 413) {
    const before = Math.min(used.chunkBytes ?? Number.POSITIVE_INFINITY, size);
    const next = Math.floor(Math.min(FIRST_CHUNK, before / 2));
    if (next < Math.max(SMALLEST_CHUNK, session.leastChunk)) return false;
    ways.chunkBytes = Math.min(ways.chunkBytes ?? next, next);
    return true;
  }
  const isUnknownWay = [404, 405, 501].includes(error.status) && !error.isLostUpload;
  if (!isUnknownWay || used.patchFirst) return false;
  ways.patchFirst = true;
  return true;
}

/** Frees what the registry keeps of it; how that ends does not matter. */
export async function cancel(
  link: RegistryLink,
  { repository }: Pick<BlobUpload, "repository">,
  { location }: UploadSession,
): Promise<void> {
  await link.request({ method: "DELETE", url: location, answerMs: 5_000 }, { repository }).catch(() => {});
}
