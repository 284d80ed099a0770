import type { Digest } from "../../core/bundle/bundle.ts";
import { createEarlyImages } from "../../core/bundle/push/early-images.ts";
import { type PlannedImage, planPush } from "../../core/bundle/push/plan-push.ts";
import { digestOf } from "../read/digest-stream.ts";
import { endsAll } from "../registry/ends-all.ts";
import type { RepositoryBlob } from "../upload/push-context.ts";
import type { BlobHomes } from "./blob-homes.ts";
import type { PassContext } from "./hold-blob.ts";
import { listMissing } from "./list-missing.ts";
import type { WantedBlob } from "./take-blobs.ts";

/** Finds where blobs belong while the bundle goes by, in bundles whose lists and manifests come first. */
export interface DirectBlobs {
  /** A document has gone by. */
  learn(path: string, bytes: Uint8Array): void;
  /** Where it is to be brought; undefined: nowhere · `unknown`: no image that is known so far has it. */
  find(digest: Digest): Promise<WantedBlob | undefined | "unknown">;
}

/** More often images are not looked at anew, where manifests and blobs alternate. */
const MOST_PLANS = 256;

/** Images that are there already want nothing; of others, what is there is not wanted again. */
export function createDirectBlobs(
  context: PassContext,
  homes: BlobHomes,
  name: string | undefined,
): DirectBlobs {
  const early = createEarlyImages(digestOf);
  const known = new Set<Digest>();
  const asked = new Set<string>();
  const wanted = new Map<Digest, string[]>();
  let plans = 0;

  const look = async (images: readonly PlannedImage[]): Promise<void> => {
    const isOpen = (blob: RepositoryBlob): boolean => !asked.has(keyOf(blob));
    const all = blobsOf(images).filter(isOpen);
    const { missing, there } = await listMissing(images, context, isOpen).catch((error: unknown) => {
      // One repository that lets nobody in is its images' matter alone.
      if (context.signal.aborted || endsAll(error)) throw error;
      return { missing: all, there: [] };
    });
    homes.add(there);
    for (const { repository, digest } of missing) {
      const repositories = wanted.get(digest) ?? [];
      if (!repositories.includes(repository)) wanted.set(digest, [...repositories, repository]);
    }
    for (const blob of all) {
      asked.add(keyOf(blob));
      known.add(blob.digest);
    }
    for (const { tree, referrers } of images)
      for (const { manifests } of [tree, ...referrers]) for (const { digest } of manifests) known.add(digest);
  };

  return {
    learn: early.learn,
    async find(digest) {
      if (early.isAwaited(digest)) return undefined;
      if (!known.has(digest) && plans < MOST_PLANS) {
        const trees = early.trees();
        if (trees !== undefined) {
          plans++;
          const { namespace } = context;
          await look(planPush(trees, { namespace, name, allowNewDigest: true }).images);
        }
      }
      if (!known.has(digest)) return "unknown";
      const repositories = wanted.get(digest);
      return repositories === undefined || homes.has(digest) ? undefined : { digest, repositories };
    },
  };
}

function blobsOf(images: readonly PlannedImage[]): readonly RepositoryBlob[] {
  return images.flatMap(({ repository, tree, referrers }) =>
    [tree, ...referrers].flatMap(({ blobs }) => blobs.map(({ digest }) => ({ repository, digest }))),
  );
}

function keyOf({ repository, digest }: RepositoryBlob): string {
  return `${repository}@${digest}`;
}
