import { lastByteOf } from "../../core/bundle/push/upload-location.ts";
import { AnswerError } from "./answer-error.ts";
import type { RegistryLink } from "./registry-link.ts";
import { mayPass } from "./retrier.ts";
import type { Reply } from "./send-request.ts";
import { type BlobUpload, locationOf, type UploadSession } from "./upload-session.ts";

/**
 * Sends a blob piece by piece. Returns where the upload is to be ended. A piece that breaks is followed by asking how
 * far the registry has come; where it cannot say, the whole blob has to begin again.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks
 */
export async function uploadInChunks(
  link: RegistryLink,
  blob: BlobUpload,
  session: UploadSession,
  chunkBytes: number,
): Promise<URL> {
  await blob.verify();
  let location = session.location;
  let resumed = 0;
  for (let start = 0; start < blob.size; ) {
    const end = Math.min(blob.size, start + chunkBytes);
    try {
      const reply = await sendChunk(link, blob, location, start, end);
      start = nextStart(reply, start, end);
      if (reply.headers.location !== undefined) location = locationOf("PATCH", reply);
    } catch (error) {
      if (!mayPass(error) || ++resumed > MOST_RESUMED) throw error;
      const reached = await askHowFar(link, blob, location);
      if (reached === undefined || reached.next > blob.size) throw error;
      ({ next: start, location } = reached);
    }
  }
  return location;
}

const MOST_RESUMED = 20;

async function sendChunk(
  link: RegistryLink,
  { repository, open, onSent }: BlobUpload,
  url: URL,
  start: number,
  end: number,
): Promise<Reply> {
  const body = {
    length: end - start,
    open: () => open({ start, end }),
    onSent: (bytes: number) => onSent(start + bytes),
  };
  const headers = { "content-type": "application/octet-stream", "content-range": `${start}-${end - 1}` };
  const reply = await link.request({ method: "PATCH", url, headers, body }, { repository });
  if (![201, 202, 204].includes(reply.status)) throw new AnswerError("PATCH", reply);
  return reply;
}

/** The registry may have taken less than it was sent; more it cannot have. */
function nextStart(reply: Reply, start: number, end: number): number {
  const last = lastByteOf(reply.headers["range"] as string | undefined);
  if (last === undefined || last === end - 1) return end;
  if (last + 1 > start && last + 1 < end) return last + 1;
  const why = `it has bytes 0-${last} after it was sent ${start}-${end - 1}`;
  throw new AnswerError("PATCH", reply, { why, retryable: true });
}

async function askHowFar(
  link: RegistryLink,
  { repository }: BlobUpload,
  url: URL,
): Promise<{ readonly next: number; readonly location: URL } | undefined> {
  const reply = await link.request({ method: "GET", url }, { repository }).catch(() => undefined);
  if (reply?.status !== 204) return undefined;
  const last = lastByteOf(reply.headers["range"] as string | undefined);
  if (last === undefined) return undefined;
  const location = reply.headers.location === undefined ? url : locationOf("GET", reply);
  // An upload without any byte is 0-0 too, and cannot be told from one with a single byte.
  return { next: last === 0 ? 0 : last + 1, location };
}
