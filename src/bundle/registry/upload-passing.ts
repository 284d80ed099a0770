import type { Digest } from "../../core/bundle/bundle.ts";
import { AnswerError } from "./answer-error.ts";
import { createByteWindow } from "./byte-window.ts";
import type { RegistryLink } from "./registry-link.ts";
import {
  answerMs,
  beginUpload,
  cancel,
  endUpload,
  learnWay,
  OCTETS,
  type UploadWays,
} from "./upload-blob.ts";
import { uploadInChunks } from "./upload-chunks.ts";
import { locationOf, type UploadSession } from "./upload-session.ts";

/** A blob whose bytes come by once. */
export interface PassingUpload {
  readonly repository: string;
  /** Undefined: only the end tells. */
  readonly digest: Digest | undefined;
  readonly size: number;
  /** A repository that may have it. */
  readonly from: string | undefined;
  /** Its bytes; throws when some of them have been taken before. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
  /** Nothing of it has been taken yet. */
  readonly isWhole: () => boolean;
  /** After the last byte: its digest. Throws when that is not what was promised, or bytes are missing. */
  readonly computed: () => Digest;
  readonly onSent: (bytes: number) => void;
}

/**
 * Gets a passing blob into a repository. The bytes are offered before they are sent, so that a refusal costs none.
 * What fails after the first byte cannot be tried again here. Rejects as `uploadBlob` does.
 */
export async function uploadPassing(
  link: RegistryLink,
  blob: PassingUpload,
  ways: UploadWays,
  begin: <T>(work: (failed: number) => Promise<T>) => Promise<T>,
): Promise<"mounted" | "uploaded"> {
  for (;;) {
    const session = await begin((failed) =>
      beginUpload(link, { ...blob, digest: blob.digest ?? "" }, ways, failed),
    );
    if (session === "mounted") return session;
    const used = { ...ways };
    try {
      await send(link, blob, session, used);
      return "uploaded";
    } catch (error) {
      await cancel(link, blob, session);
      const hasWay = error instanceof AnswerError && learnWay(error, { blob, used, ways, session });
      if (!hasWay || !blob.isWhole()) throw error;
    }
  }
}

async function send(
  link: RegistryLink,
  blob: PassingUpload,
  session: UploadSession,
  { chunkBytes, patchFirst }: UploadWays,
): Promise<void> {
  const { repository, digest, size, bytes, computed, onSent } = blob;
  if (chunkBytes !== undefined && size > chunkBytes) {
    const open = createByteWindow(bytes());
    const upload = {
      repository,
      digest: digest ?? "",
      size,
      open: (range = { start: 0, end: size }) => open(range),
      verify: async () => {},
      onSent,
    };
    const location = await uploadInChunks(link, upload, session, Math.max(chunkBytes, session.leastChunk));
    return endUpload(link, { repository, size, digest: computed() }, location);
  }
  const body = { length: size, open: bytes, onSent };
  const sending = { headers: OCTETS, body, answerMs: answerMs(size), asksFirst: true };
  if (digest !== undefined && !patchFirst)
    return endUpload(link, { repository, size, digest }, session.location, sending);
  const reply = await link.request({ method: "PATCH", url: session.location, ...sending }, { repository });
  if (![201, 202, 204].includes(reply.status)) throw new AnswerError("PATCH", reply);
  const { location } = reply.headers;
  const end = location === undefined ? session.location : locationOf("PATCH", reply);
  return endUpload(link, { repository, size, digest: computed() }, end);
}
