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
    done.flatMap(({ repository, tag, digest, below }) =>
      [tag ?? digest, ...below].map(async (reference, at) => {
        const there = await lanes.run((lane) =>
          retrier.run(repository, () => headManifest(link, repository, reference), lane),
        );
        return at === 0 ? there === digest : there !== undefined;
      }),
    ),
  );
  if (found.includes(false)) return undefined;
  return done.map(({ bytes, below: _, ...image }) => ({ result: { ...image, result: "there" }, bytes }));
}
