import type { DumpBlob } from "../../core/bundle/dump/plan-dump.ts";
import { downloadBlob } from "../registry/download-blob.ts";
import { WrongContentError } from "../registry/wrong-content.ts";
import type { DumpContext } from "./dump-context.ts";
import type { BlobPlace } from "./gather-images.ts";
import { prefetchBlobs } from "./prefetch-blobs.ts";

/** Of all blobs that are under way. */
const BUDGET_BYTES = 20 * 1024 * 1024;

/**
 * The content of blobs, which has to be taken in their order. The first one that fails stops all: `onFailure` gets it
 * when it happens.
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
          try {
            await downloadBlob(download);
          } catch (error) {
            // A cache on the way may have been wrong that once.
            if (!(error instanceof WrongContentError) || startAnew === undefined) throw error;
            startAnew();
            await downloadBlob(download);
          }
        })
        .catch((error) => {
          onFailure(error);
          throw error;
        }),
  });
}
