import { Readable } from "node:stream";
import { downloadBlob } from "../registry/download-blob.ts";
import type { BlobHomes } from "./blob-homes.ts";
import type { PassContext } from "./hold-blob.ts";
import type { GoneBlobs } from "./open-passing.ts";
import { PassedByError } from "./passed-by.ts";
import { createRelay } from "./relay-bytes.ts";

/**
 * Gets blobs that have gone by back from the registry, for another repository that needs them too: where nothing is
 * mounted and standard input does not come by again, that is the only place that has them.
 */
export function fetchStored(
  { link, retrier }: PassContext,
  homes: BlobHomes,
): NonNullable<GoneBlobs["fetch"]> {
  return (digest, size, range) => {
    const repository = homes.find(digest);
    if (repository === undefined) return undefined;
    const relay = createRelay();
    // Whoever sends it on has a lane already.
    const lane = { choked: () => {} };
    const bytes = Readable.from(relay.bytes());
    bytes.once("close", relay.close);
    const take = async (chunk: Uint8Array): Promise<void> => {
      if (bytes.destroyed) throw new PassedByError("nobody wants the rest");
      await relay.write(chunk);
    };
    downloadBlob({ link, retrier, lane, repository, digest, size, range, take }).then(
      () => relay.end(),
      (error: Error) => relay.end(error),
    );
    return bytes;
  };
}
