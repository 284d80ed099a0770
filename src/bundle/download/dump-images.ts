import type { BundleCompression } from "../../core/bundle/dump/bundle-compression.ts";
import type { DumpPlan } from "../../core/bundle/dump/plan-dump.ts";
import { bundleBytes } from "../write/bundle-bytes.ts";
import type { BundleOutput, WrittenBundle } from "../write/bundle-output.ts";
import { encodeStream } from "../write/encode-stream.ts";
import type { BlobPlaces } from "./blob-places.ts";
import type { DumpContext } from "./dump-context.ts";
import { fetchBlobs } from "./fetch-blobs.ts";

export interface DumpWork {
  readonly plan: DumpPlan;
  readonly places: BlobPlaces;
  readonly compression: BundleCompression;
  readonly output: BundleOutput;
  /** Bytes of the archive that have gone by. */
  readonly onProgress: (done: number, total: number) => void;
  /** Ends what is under way. */
  readonly stop: () => void;
}

/**
 * Writes a bundle, with one pass over everything and nothing on disk but the bundle. What fails ends it all: then
 * nothing is left, and the first failure is thrown.
 */
export async function dumpImages(
  { plan, places, compression, output, onProgress, stop }: DumpWork,
  context: DumpContext,
): Promise<WrittenBundle> {
  const first: { error?: unknown } = {};
  const fail = (error: unknown): void => {
    if (!("error" in first)) first.error = error;
    stop();
  };
  const contentOf = fetchBlobs(plan.blobs, places, context, fail);
  try {
    const bytes = counted(bundleBytes(plan, contentOf), (done) => onProgress(done, plan.size));
    await encodeStream(compression, bytes, async (encoded) => {
      for await (const chunk of encoded) await output.write(chunk);
    });
    context.signal.throwIfAborted();
    return await output.publish();
  } catch (error) {
    fail(error);
    await output.abandon();
    throw first.error;
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  count: (done: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for await (const chunk of chunks) {
    done += chunk.length;
    count(done);
    yield chunk;
  }
}
