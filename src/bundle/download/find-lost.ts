import type { DumpBlob } from "../../core/bundle/dump/plan-dump.ts";
import { findAbsence } from "../registry/blobs.ts";
import { type BlobPlaces, openPlace } from "./blob-places.ts";
import type { DumpContext } from "./dump-context.ts";

/**
 * Asks for all blobs, so that all that are nowhere show at once, and not one by one while they are fetched. What a
 * registry says beside that it has one or not shows when it is fetched. Rejects where nobody answers.
 */
export async function findLost(
  blobs: readonly DumpBlob[],
  places: BlobPlaces,
  context: DumpContext,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const { lanes, retrier, signal } = context;
  let done = 0;
  const look = async ({ digest }: DumpBlob): Promise<void> => {
    for (const from of places.of(digest)) {
      const { source, repository } = await openPlace(context, from);
      const absence = await lanes.run((lane) => {
        signal.throwIfAborted();
        const ask = () => findAbsence(source.link, repository, digest);
        return retrier.run(`${repository}: ${digest}`, ask, lane);
      });
      if (absence === undefined) break;
      places.lose(digest, from, absence);
    }
    onProgress(++done, blobs.length);
  };
  await Promise.all(blobs.map(look));
}
