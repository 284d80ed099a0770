import { Readable } from "node:stream";
import type { AssembledBundle } from "../../core/bundle/assemble-bundle.ts";
import type { Digest } from "../../core/bundle/bundle.ts";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import type { Holding } from "../../core/bundle/gathered.ts";
import type { BlobSource } from "../blob-source.ts";
import { streamFile } from "./read-files.ts";

/** Whether all of a bundle can be had as often as wanted: nothing of it has gone by in a stream. */
export function isAtRest({ blobs }: AssembledBundle): boolean {
  return [...blobs.values()].every(({ bytes, member }) => bytes !== undefined || member?.at !== undefined);
}

/** Random access to the content of a bundle. For one that is not at rest, `open` throws BundleError. */
export function openBlobs(bundle: AssembledBundle): BlobSource {
  const find = (digest: Digest): Holding => {
    const held = bundle.blobs.get(digest);
    if (held === undefined) throw new BundleError("unknown", `${digest}: the bundle does not have it`);
    return held;
  };
  return {
    open(digest, range) {
      const { bytes, member, place, size } = find(digest);
      const { start, end } = range ?? { start: 0, end: size };
      if (bytes !== undefined) return Readable.from([bytes.subarray(start, end)]);
      if (member?.at !== undefined) return streamFile(member.at, start, end);
      throw new BundleError("unsupported", `${place}: it is compressed, and can be read in its turn only`);
    },
    describe: (digest) => find(digest).place,
  };
}
