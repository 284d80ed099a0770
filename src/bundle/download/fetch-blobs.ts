import type { DumpBlob } from "../../core/bundle/dump/plan-dump.ts";
import type { Lane } from "../../core/bundle/push/lanes.ts";
import { type Download, downloadBlob } from "../registry/download-blob.ts";
import { WrongContentError } from "../registry/wrong-content.ts";
import { type BlobPlaces, openPlace } from "./blob-places.ts";
import type { DumpContext } from "./dump-context.ts";
import { isLoss, LostBlobError } from "./lost-blob.ts";
import { prefetchBlobs } from "./prefetch-blobs.ts";

/** Of all blobs that are under way. */
const BUDGET_BYTES = 20 * 1024 * 1024;

/**
 * The content of blobs, which has to be taken in their order. The first one that fails stops all: `onFailure` gets it
 * when it happens, as a LostBlobError where it is about that blob alone.
 */
export function fetchBlobs(
  blobs: readonly DumpBlob[],
  places: BlobPlaces,
  context: DumpContext,
  onFailure: (error: unknown) => void,
): (at: number) => AsyncGenerator<Uint8Array, void, undefined> {
  return prefetchBlobs(blobs, {
    budgetBytes: BUDGET_BYTES,
    fetch: (blob, take, startAnew) =>
      context.lanes
        .run((lane) => fetchBlob({ blob, take, startAnew, lane }, places, context))
        .catch((error: unknown) => {
          onFailure(error);
          throw error;
        }),
  });
}

interface Fetch {
  readonly blob: DumpBlob;
  readonly take: (chunk: Uint8Array) => Promise<void>;
  /** Drops what was taken; undefined: that has been handed on. */
  readonly startAnew: (() => void) | undefined;
  readonly lane: Lane;
}

/** From the first repository that has it. */
async function fetchBlob(
  { blob: { digest, size }, take, startAnew, lane }: Fetch,
  places: BlobPlaces,
  context: DumpContext,
): Promise<void> {
  const { retrier, signal } = context;
  let hasTaken = false;
  for (const from of places.of(digest)) {
    signal.throwIfAborted();
    const { source, repository } = await openPlace(context, from);
    const download: Download = {
      ...{ link: source.link, retrier, lane, repository, digest, size },
      take(chunk) {
        signal.throwIfAborted();
        hasTaken = true;
        return take(chunk);
      },
    };
    try {
      const wrong = await downloadRight(download, startAnew, signal);
      if (wrong === undefined) return;
      places.suspect(digest, from, wrong);
      throw new LostBlobError(digest, wrong, true);
    } catch (error) {
      if (!isLoss(error)) throw error;
      places.lose(digest, from, error);
      startAnew?.();
      if (startAnew === undefined && hasTaken) throw new LostBlobError(digest, error);
    }
  }
  throw new LostBlobError(digest, places.lossOf(digest));
}

/**
 * A cache on the way may be wrong once. Where the bytes have been handed on, asking again tells what is to be expected:
 * returns what was wrong when they are right then.
 */
async function downloadRight(
  download: Download,
  startAnew: (() => void) | undefined,
  signal: AbortSignal,
): Promise<WrongContentError | undefined> {
  try {
    await downloadBlob(download);
    return undefined;
  } catch (error) {
    if (!(error instanceof WrongContentError)) throw error;
    startAnew?.();
    const drop = async (): Promise<void> => signal.throwIfAborted();
    await downloadBlob(startAnew === undefined ? { ...download, take: drop } : download);
    return startAnew === undefined ? error : undefined;
  }
}
