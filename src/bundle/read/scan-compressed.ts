import { BundleError } from "../../core/bundle/bundle-error.ts";
import { BUNDLE_LIMITS } from "../../core/bundle/bundle-limits.ts";
import type { EntryBudget } from "../../core/bundle/collect-scan.ts";
import { recogniseNature } from "../../core/bundle/recognise-nature.ts";
import type { Compression, Scan } from "../../core/bundle/scan.ts";
import { BLOCK } from "../../core/bundle/tar/parse-header.ts";
import { type ByteFeed, createByteFeed } from "./byte-feed.ts";
import { decodeStream } from "./decode-stream.ts";
import { keepMember } from "./keep-member.ts";
import type { KeptMembers, StreamScan, TakeContent } from "./kept-members.ts";
import { scanStream } from "./scan-stream.ts";

interface ScanOptions {
  readonly budget: EntryBudget;
  readonly kept: KeptMembers;
  readonly hashAll: boolean;
  readonly take?: TakeContent | undefined;
  /** 0: it is the bundle itself, which has to be an archive. */
  readonly depth: number;
}

/** Goes through a compressed archive once. Undefined: what is compressed is no bundle. Throws BundleError. */
export async function scanCompressed(
  compression: Compression,
  source: AsyncIterable<Uint8Array>,
  name: string,
  options: ScanOptions,
): Promise<Scan | undefined> {
  return decodeStream(compression, source, { name, mustDrain: false }, async (decoded) => {
    const feed = createByteFeed(decoded);
    const nature = recogniseNature(await feed.peek(BLOCK));
    if (nature === "tar") return scanPlain(feed, name, options);
    if (options.depth > 0) return undefined;
    throw new BundleError("unknown", `${name}: no bundle: what is compressed in it is no archive`);
  });
}

/** Goes through an archive that comes by once. */
export function scanPlain(
  feed: ByteFeed,
  name: string,
  { budget, kept, hashAll, depth, take }: ScanOptions,
): Promise<Scan | undefined> {
  const scan: StreamScan = {
    budget,
    kept,
    hashAll,
    depth,
    documents: BUNDLE_LIMITS.keptBytes,
    decoders: BUNDLE_LIMITS.decoders,
    take,
    keep: keepMember,
  };
  return scanStream(feed, name, scan);
}
