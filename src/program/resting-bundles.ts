import type { OpenedBundle } from "../bundle/read/open-bundle.ts";
import { pushImages } from "../bundle/upload/push-images.ts";
import { type OpenBundle, readImageTrees } from "../bundle/upload/read-image-trees.ts";
import { surveyImages } from "../bundle/upload/survey-images.ts";
import type { RestingBundles } from "../cli/push-registry.ts";
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
    problems: problemsOf(bundles),
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

/** What is missing may be at the registry, which is asked; all else that is wrong would be left out silently. */
export function problemsOf(bundles: readonly OpenedBundle[]): readonly string[] {
  const isInTheWay = ({ severity, code }: Problem): boolean =>
    severity === "error" && code !== "missing-blob" && code !== "missing-manifest";
  return bundles.flatMap(({ bundle }) => bundle.problems.filter(isInTheWay).map(({ message }) => message));
}
