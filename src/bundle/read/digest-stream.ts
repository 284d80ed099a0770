import { createHash, type Hash } from "node:crypto";
import type { Digest } from "../../core/bundle/bundle.ts";

/** Computes a digest of what passes. */
export interface Digester {
  update(chunk: Uint8Array): void;
  digest(): Digest;
}

/** `algorithm` is one of those that digests begin with. */
export function createDigester(algorithm = "sha256"): Digester {
  const hash: Hash = createHash(algorithm);
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => `${algorithm}:${hash.digest("hex")}`,
  };
}

export function digestOf(bytes: Uint8Array, algorithm?: string): Digest {
  const digester = createDigester(algorithm);
  digester.update(bytes);
  return digester.digest();
}

/** The same chunks, which `digester` has seen when they come out. */
export async function* passThrough(
  chunks: AsyncIterable<Uint8Array>,
  digester: Digester | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    digester?.update(chunk);
    yield chunk;
  }
}

/** The algorithm that a path such as `blobs/sha512/…` names; undefined: it is no path of a blob. */
export function blobAlgorithm(path: string): string | undefined {
  return /(?:^|\/)blobs\/(sha256|sha384|sha512)\/[0-9a-f]+$/.exec(path)?.[1];
}
