import { createHash } from "node:crypto";
import type { Digest } from "../../core/bundle/bundle.ts";
import type { BlobSource } from "../blob-source.ts";

/** The bundle does not hold what it says. The message names the place in it. */
export class BadBlobError extends Error {
  override readonly name = "BadBlobError";
}

/** It is other than it should be; with a cause it could not be read, which may have other reasons. */
export function isDamage(error: unknown): boolean {
  return error instanceof BadBlobError && error.cause === undefined;
}

/**
 * The bytes of a blob, its last ones only when all of them are what the digest says: whoever waits for `size` bytes
 * never gets a wrong blob whole. Throws BadBlobError.
 */
export async function* verifiedBytes(
  source: BlobSource,
  digest: Digest,
  size: number,
): AsyncGenerator<Uint8Array, void> {
  const [algorithm = "", hex = ""] = digest.split(":");
  const hash = createHash(algorithm);
  let read = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of readBlob(source, digest)) {
    read += chunk.length;
    if (read > size) break;
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  const place = source.describe(digest);
  if (read > size) throw new BadBlobError(`${place} is longer than the ${size} bytes that its manifest says`);
  if (read < size)
    throw new BadBlobError(`${place} ends after ${read} of ${size} bytes: the bundle is cut off`);
  if (hash.digest("hex") !== hex) throw damagedBlob(place, digest);
  if (held !== undefined) yield held;
}

export function damagedBlob(place: string, digest: Digest): BadBlobError {
  return new BadBlobError(`${place} is damaged: its content is not ${digest}`);
}

/** Reads a small blob whole. Throws BadBlobError, also if it is larger than `maxBytes`. */
export async function readVerified(
  source: BlobSource,
  digest: Digest,
  size: number,
  maxBytes: number,
): Promise<Uint8Array> {
  if (size > maxBytes)
    throw new BadBlobError(
      `${source.describe(digest)} has ${size} bytes; registries take manifests of ${maxBytes}`,
    );
  const chunks: Uint8Array[] = [];
  for await (const chunk of verifiedBytes(source, digest, size)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The bytes as they are. What the system says when they cannot be read is a BadBlobError too. */
export async function* readBlob(
  source: BlobSource,
  digest: Digest,
  range?: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array, void> {
  const stream = source.open(digest, range);
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new BadBlobError(`${source.describe(digest)} cannot be read: ${words}`, { cause: error });
  } finally {
    stream.destroy();
  }
}
