import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

export type BodyResult =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly why: "too-large" | "invalid" | "aborted" };

export interface BodyLimits {
  /** As it comes. */
  readonly maxBytes: number;
  /** After decompression. */
  readonly maxPlainBytes: number;
}

/** Reads a request's body, identity or gzip, and no more of it than is allowed. Never rejects. */
export async function readBody(
  incoming: IncomingMessage,
  isGzip: boolean,
  limits: BodyLimits,
): Promise<BodyResult> {
  if (Number(incoming.headers["content-length"] ?? 0) > limits.maxBytes)
    return { ok: false, why: "too-large" };
  const body = await collect(incoming, limits.maxBytes);
  if (!body.ok || !isGzip) return body;
  try {
    return { ok: true, bytes: await unzip(body.bytes, { maxOutputLength: limits.maxPlainBytes }) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { ok: false, why: code === "ERR_BUFFER_TOO_LARGE" ? "too-large" : "invalid" };
  }
}

const unzip = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(gunzip);

/** Not with `for await`, which ends the connection when it stops early: the answer is still to be sent. */
function collect(incoming: IncomingMessage, maxBytes: number): Promise<BodyResult> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (result: BodyResult): void => {
      incoming.off("data", take).off("end", finish).off("close", abort);
      incoming.pause();
      resolve(result);
    };
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > maxBytes) end({ ok: false, why: "too-large" });
      else chunks.push(chunk);
    };
    const finish = (): void => end({ ok: true, bytes: Buffer.concat(chunks, length) });
    const abort = (): void => end({ ok: false, why: "aborted" });
    incoming.on("error", () => {});
    incoming.on("data", take).on("end", finish).on("close", abort);
  });
}
