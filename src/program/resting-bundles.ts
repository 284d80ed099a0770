import type { OpenedBundle } from "../bundle/read/open-bundle.ts";
import { pushImages } from "../bundle/upload/push-images.ts";
import { type OpenBundle, readImageTrees } from "../bundle/upload/read-image-trees.ts";
import { surveyImages } from "../bundle/upload/survey-images.ts";
import type { ReadBundles, RestingBundles } from "../cli/push-registry.ts";
import type { Problem } from "../core/bundle/gathered.ts";
import { connectPush } from "./connect-push.ts";

/** What of a bundle is known before a registry is. */
export async function restingBundles(
  opened: OpenBundle,
  bundles: readonly OpenedBundle[],
): Promise<Omit<RestingBundles, "kind">> {
  const { source } = opened;
  return {
    trees: await readImageTrees(opened),
    ...problemsOf(bundles),
    async connect(wish, options, login) {
      const { contextOf, warnings, stop, close } = await connectPush(wish, options, login);
      return {
        warnings,
        stop,
        close,
        push: (images, emit) => pushImages(images, { ...contextOf(emit), source }),
        survey: (images) =>
          surveyImages(
            images,
            contextOf(() => {}),
          ),
      };
    },
  };
}

/** Of what cannot be read nobody knows which images are in it; all else that is wrong is told of the image that has it. */
export function problemsOf(bundles: readonly OpenedBundle[]): Pick<ReadBundles, "problems" | "notes"> {
  const all = bundles.flatMap(({ bundle }) => bundle.problems);
  const told = (isTold: (problem: Problem) => boolean) => all.filter(isTold).map(({ message }) => message);
  return {
    problems: told(
      ({ severity, code }) =>
        severity === "error" && (code === "unreadable-archive" || code === "no-end-mark"),
    ),
    notes: told(
      ({ severity, code }) => code === "passed-over" || (severity === "warning" && code === "name-twice"),
    ),
  };
}
