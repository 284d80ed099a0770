import type { DumpBlob } from "../../core/bundle/dump/plan-dump.ts";
import { type Download, downloadBlob } from "../registry/download-blob.ts";
import { endsAll } from "../registry/ends-all.ts";
import { WrongContentError } from "../registry/wrong-content.ts";
import type { DumpContext } from "./dump-context.ts";
import type { BlobPlace } from "./gather-images.ts";
import { LostBlobError } from "./lost-blob.ts";
import { prefetchBlobs } from "./prefetch-blobs.ts";

/** Of all blobs that are under way. */
const BUDGET_BYTES = 20 * 1024 * 1024;

/**
 * The content of blobs, which has to be taken in their order. The first one that fails stops all: `onFailure` gets it
 * when it happens, as a LostBlobError where it is about that blob alone.
 */
export function fetchBlobs(
  blobs: readonly DumpBlob[],
  placeOf: (from: string) => BlobPlace,
  { lanes, retrier, signal }: DumpContext,
  onFailure: (error: unknown) => void,
): (at: number) => AsyncGenerator<Uint8Array, void, undefined> {
  return prefetchBlobs(blobs, {
    budgetBytes: BUDGET_BYTES,
    fetch: ({ digest, size, from }, take, startAnew) =>
      lanes
        .run(async (lane) => {
          const { source, repository } = placeOf(from);
          const download = { link: source.link, retrier, lane, repository, digest, size, take };
          signal.throwIfAborted();
          await downloadRight(download, startAnew);
        })
        .catch((error: unknown) => {
          const isItsOwn = !(error instanceof LostBlobError) && !signal.aborted && !endsAll(error);
          const failure = isItsOwn ? new LostBlobError(digest, error) : error;
          onFailure(failure);
          throw failure;
        }),
  });
}

/** A cache on the way may be wrong once. Where the bytes have been handed on, asking again tells what is to be expected. */
async function downloadRight(download: Download, startAnew: (() => void) | undefined): Promise<void> {
  try {
    await downloadBlob(download);
  } catch (error) {
    if (!(error instanceof WrongContentError)) throw error;
    startAnew?.();
    await downloadBlob(startAnew === undefined ? { ...download, take: async () => {} } : download);
    if (startAnew === undefined) throw new LostBlobError(download.digest, error, true);
  }
}
