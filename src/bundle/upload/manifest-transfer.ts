import type { Digest } from "../../core/bundle/bundle.ts";
import type { TreeManifest } from "../../core/bundle/push/image-tree.ts";
import { addReferrer, fallbackTag } from "../../core/bundle/push/referrers-index.ts";
import { digestOf } from "../read/digest-stream.ts";
import { getManifest, headManifest, putManifest } from "../registry/manifests.ts";
import { isChoking } from "../registry/retrier.ts";
import { asForeignLayers } from "./foreign-layers.ts";
import type { PushContext } from "./push-context.ts";
import { MAX_MANIFEST_BYTES } from "./read-image-trees.ts";
import { readVerified } from "./verified-bytes.ts";

/** Gets manifests into repositories, byte for byte. */
export interface ManifestTransfer {
  /** What stands under a tag, or a digest if it is there; undefined: nothing. */
  find(repository: string, reference: string): Promise<Digest | undefined>;
  /** Puts it under its digest, once. False: it was there. */
  ensure(repository: string, manifest: TreeManifest): Promise<boolean>;
  /** Puts it under a tag. */
  tag(repository: string, tag: string, manifest: TreeManifest): Promise<void>;
}

export function createManifestTransfer(context: PushContext): ManifestTransfer {
  const { link, retrier, lanes, source, deep } = context;
  const present = new Map<string, Promise<boolean>>();
  const listing = new Map<string, Promise<void>>();

  // Between two tries no lane is held: what a registry has against one manifest keeps nothing else waiting.
  const run = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    retrier.run(what, () =>
      lanes.run(async (lane) => {
        context.signal.throwIfAborted();
        try {
          return await work();
        } catch (error) {
          if (isChoking(error)) lane.choked();
          throw error;
        }
      }),
    );

  const find = (repository: string, reference: string): Promise<Digest | undefined> =>
    run(`${repository}: ${reference}`, () => headManifest(link, repository, reference));

  const put = async (repository: string, reference: string, manifest: TreeManifest): Promise<void> => {
    const { digest, size, parts } = manifest;
    const keepsSubjects = await run(`${repository}: ${reference}`, async () => {
      const bytes = await readVerified(source, digest, size, MAX_MANIFEST_BYTES);
      try {
        return await putManifest(link, { repository, reference, digest, mediaType: parts.mediaType, bytes });
      } catch (error) {
        throw asForeignLayers(error, parts) ?? error;
      }
    });
    if (parts.subject !== undefined && !keepsSubjects) await list(repository, parts.subject.digest, manifest);
  };

  /** The registry does not list referrers itself: then clients look under a tag, which the client has to keep. */
  const list = (repository: string, subject: Digest, manifest: TreeManifest): Promise<void> => {
    const tag = fallbackTag(subject);
    const key = `${repository}:${tag}`;
    // One after the other: each adds to what the one before has written.
    const next = (listing.get(key) ?? Promise.resolve()).then(() =>
      run(key, async () => {
        const before = await getManifest(link, repository, tag, MAX_MANIFEST_BYTES);
        const index = addReferrer(before, manifest);
        if (index === undefined) return;
        const { mediaType, bytes } = index;
        const digest = digestOf(bytes);
        await putManifest(link, { repository, reference: tag, digest, mediaType, bytes });
      }),
    );
    listing.set(
      key,
      next.catch(() => {}),
    );
    return next;
  };

  const bring = async (repository: string, manifest: TreeManifest): Promise<boolean> => {
    if (deep && (await find(repository, manifest.digest)) !== undefined) return false;
    await put(repository, manifest.digest, manifest);
    return true;
  };

  return {
    find,
    ensure(repository, manifest) {
      const key = `${repository}@${manifest.digest}`;
      const known = present.get(key) ?? bring(repository, manifest);
      present.set(key, known);
      return known;
    },
    tag: put,
  };
}
