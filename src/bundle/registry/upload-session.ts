import type { Digest } from "../../core/bundle/bundle.ts";
import { readUploadLocation } from "../../core/bundle/push/upload-location.ts";
import type { ByteRange } from "../blob-source.ts";
import { AnswerError } from "./answer-error.ts";
import type { Reply } from "./send-request.ts";

/** A blob on its way into a repository. */
export interface BlobUpload {
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
  /** A repository of the registry that has it already. */
  readonly from?: string | undefined;
  /** Its bytes, whole and checked, or a part of them. */
  readonly open: (range?: ByteRange) => AsyncIterable<Uint8Array>;
  /** Throws unless the bytes are what the digest says. For uploads that do not send them in one go. */
  readonly verify: () => Promise<void>;
  /** So many of its bytes have gone out in this try. */
  readonly onSent: (bytes: number) => void;
}

/** An upload that the registry has begun. */
export interface UploadSession {
  readonly location: URL;
  /** `OCI-Chunk-Min-Length`. */
  readonly leastChunk: number;
}

/** What the answer to the POST says. */
export function readSession(reply: Reply): UploadSession {
  const least = Number(reply.headers["oci-chunk-min-length"] ?? 0);
  return {
    location: locationOf("POST", reply),
    leastChunk: Number.isSafeInteger(least) && least > 0 ? least : 0,
  };
}

/** Where the next request of an upload goes. */
export function locationOf(method: string, reply: Reply): URL {
  const read = readUploadLocation(reply.headers.location, reply.url);
  if (!read.ok) throw new AnswerError(method, reply, { why: read.reason });
  return read.url;
}
