import type { Descriptor } from "../../core/bundle/bundle.ts";
import type { PlannedImage } from "../../core/bundle/push/plan-push.ts";
import type { SurveyedImage } from "../../core/bundle/push/surveyed-image.ts";
import { headBlob } from "../registry/blobs.ts";
import { headManifest } from "../registry/manifests.ts";
import { blobsStanding, findStanding } from "./find-standing.ts";
import type { PushContext } from "./push-context.ts";

/** Asks what a push would have to do, and sends nothing. Rejects as RegistryLink does. */
export async function surveyImages(
  images: readonly PlannedImage[],
  context: Pick<PushContext, "link" | "lanes" | "retrier">,
): Promise<readonly SurveyedImage[]> {
  const { link, lanes, retrier } = context;
  const ask = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    lanes.run((lane) => retrier.run(what, work, lane));
  const known = new Set<string>();
  const isMissing = async (repository: string, { digest }: Descriptor): Promise<boolean> => {
    if (known.has(digest)) return false;
    known.add(digest);
    return !(await ask(digest, () => headBlob(link, repository, digest)));
  };

  const there = await Promise.all(
    images.map(({ repository, tag, tree }) =>
      findStanding(tag ?? tree.image.top.digest, tree, (reference) =>
        ask(repository, () => headManifest(link, repository, reference)),
      ),
    ),
  );
  const isThere = (at: number): boolean => there[at]?.isWhole === true;
  // What a push would mount from.
  for (const [at, { tree }] of images.entries()) {
    const standing = there[at];
    if (standing !== undefined) for (const digest of blobsStanding(tree, standing)) known.add(digest);
  }
  return Promise.all(
    images.map(async (image, at): Promise<SurveyedImage> => {
      const { repository, tree } = image;
      if (isThere(at)) return { image, isThere: true, missingBytes: 0 };
      const missing = await Promise.all(
        tree.blobs.map(async (blob) => ((await isMissing(repository, blob)) ? blob.size : 0)),
      );
      const lacking = tree.absent.filter(({ leftOut }) => leftOut === undefined).length;
      return {
        image,
        isThere: false,
        missingBytes: missing.reduce((sum, size) => sum + size, 0),
        ...(lacking === 0
          ? {}
          : { problem: `the bundle lacks ${lacking} part${lacking === 1 ? "" : "s"} of it` }),
      };
    }),
  );
}
