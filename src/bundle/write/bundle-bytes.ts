import { blobPath, type DumpPlan } from "../../core/bundle/dump/plan-dump.ts";
import { renderTarHeader, tarEnd, tarPadding } from "../../core/bundle/tar/render-header.ts";

/** The archive of a bundle, from its first byte to its last. `contentOf` gives the blobs, in their order. */
export async function* bundleBytes(
  { documents, blobs }: DumpPlan,
  contentOf: (at: number) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const { path, bytes } of documents) {
    yield renderTarHeader(path, bytes.length);
    yield bytes;
    yield tarPadding(bytes.length);
  }
  for (const [at, { digest, size }] of blobs.entries()) {
    yield renderTarHeader(blobPath(digest), size);
    yield* contentOf(at);
    yield tarPadding(size);
  }
  yield tarEnd();
}
