import { BundleError } from "../../core/bundle/bundle-error.ts";
import { BUNDLE_LIMITS } from "../../core/bundle/bundle-limits.ts";
import { collectScan, isBundlePath } from "../../core/bundle/collect-scan.ts";
import type { Scan } from "../../core/bundle/scan.ts";
import { nameEntry, type TarEntry, walkTar } from "../../core/bundle/tar/walk-tar.ts";
import type { ByteFeed } from "./byte-feed.ts";
import type { KeptMembers, StreamScan } from "./kept-members.ts";

/**
 * Goes through an archive as it comes by, once. Undefined: an archive in an archive that has nothing of a bundle, such as
 * a layer; it has not been read to its end. Throws BundleError.
 */
export async function scanStream(feed: ByteFeed, name: string, scan: StreamScan): Promise<Scan | undefined> {
  const collector = collectScan(name, scan.budget);
  const walk = walkTar(name);
  let files = 0;
  let isBundle = scan.depth === 0;
  for (let step = walk.next(undefined); ; ) {
    if (step.done === true) {
      if (step.value.isMarked) await drainEnd(feed, name);
      return isBundle || files > 0 ? collector.finish(step.value.isMarked) : undefined;
    }
    if (step.value.step === "read") {
      await feed.skipTo(step.value.at);
      step = walk.next(await feed.read(step.value.length));
      continue;
    }
    const { entry } = step.value;
    const member = collector.add(entry, undefined);
    if (member !== undefined) {
      files += 1;
      isBundle ||= isBundlePath(member.path);
      if (!isBundle && files > BUNDLE_LIMITS.probed) return undefined;
      await scan.keep(member, feed, scan, isBundle).catch((error: unknown) => {
        if (!isDecodersError(error)) throw error;
        const where = `${name}, ${nameEntry(entry.name, entry.offset)}`;
        throw new BundleError("damaged", `${where}: cut off or damaged within it`, error);
      });
    }
    await finishContent(feed, entry, name);
    step = walk.next(undefined);
  }
}

/** For an archive in the archive: what is kept of it counts only when it is a bundle. */
export async function scanInner(feed: ByteFeed, name: string, outer: StreamScan): Promise<Scan | undefined> {
  const kept: KeptMembers = new Map();
  const scan: StreamScan = { ...outer, budget: { ...outer.budget }, kept, depth: outer.depth + 1 };
  const found = await scanStream(feed, name, scan);
  if (found === undefined) return undefined;
  for (const [member, what] of kept) outer.kept.set(member, what);
  outer.budget.left = scan.budget.left;
  outer.documents = scan.documents;
  outer.decoders = scan.decoders;
  return found;
}

/** Of node:zlib, which breaks off the stream of what has come out. */
function isDecodersError(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" && /^(?:Z_|ZSTD_|ERR_ZSTD)/.test(code);
}

async function finishContent(feed: ByteFeed, { name, offset, contentAt, size }: TarEntry, archive: string) {
  await feed.skipTo(contentAt + size);
  const at = feed.position();
  if (at < contentAt + size)
    throw new BundleError(
      "damaged",
      `${archive}, ${nameEntry(name, offset)}: cut off: it has ${size} bytes, and the archive ends after ${Math.max(0, at - contentAt)} of them`,
    );
}

/** Tapes are filled up; a decompressor has to come to the end, where it sees whether all was right. */
async function drainEnd(feed: ByteFeed, name: string): Promise<void> {
  const end = feed.position();
  await feed.skipTo(end + BUNDLE_LIMITS.afterEnd);
  if ((await feed.peek(1)).length > 0)
    throw new BundleError("refused", `${name}: it goes on and on after its end, at byte ${end}`);
}
