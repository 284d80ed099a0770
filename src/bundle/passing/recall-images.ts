import type { DoneImage } from "../../core/bundle/push/journal-lines.ts";
import type { ImageResult } from "../../core/bundle/push/push-event.ts";
import { headManifest } from "../registry/manifests.ts";
import type { PassContext } from "./hold-blob.ts";

/** Whether images that were pushed before are all there still; undefined: not all, or nobody knows. */
export async function recallImages(
  done: readonly DoneImage[] | undefined,
  { link, lanes, retrier }: PassContext,
): Promise<readonly { readonly result: ImageResult; readonly bytes: number }[] | undefined> {
  if (done === undefined || done.length === 0) return undefined;
  const found = await Promise.all(
    done.map(({ repository, tag, digest }) =>
      lanes.run((lane) => retrier.run(repository, () => headManifest(link, repository, tag ?? digest), lane)),
    ),
  );
  if (done.some(({ digest }, at) => found[at] !== digest)) return undefined;
  return done.map(({ bytes, ...image }) => ({ result: { ...image, result: "there" }, bytes }));
}
