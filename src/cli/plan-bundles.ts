import { type PlannedImage, planPush } from "../core/bundle/push/plan-push.ts";
import { plainText } from "../core/plain-text.ts";
import type { Push } from "./push.ts";
import type { ReadBundles } from "./push-registry.ts";

/** Finds a place for each image and says which digests change. Undefined: it was told why nothing can be pushed. */
export function planBundles(
  bundles: ReadBundles,
  { wish, options, io }: Push,
  nothing: string,
): readonly PlannedImage[] | undefined {
  const plan = planPush(bundles.trees, {
    namespace: wish.target.namespace,
    name: options.name,
    allowNewDigest: options.allowNewDigest === true,
  });
  const problems = [...new Set([...bundles.problems, ...plan.problems])];
  if (plan.images.length === 0 && problems.length === 0) {
    io.stderr(`mirrorlet: ${wish.sources.join(", ")}: no image in there\n`);
    return undefined;
  }
  if (problems.length > 0) {
    for (const problem of problems) io.stderr(`mirrorlet: ${plainText(problem)}\n`);
    io.stderr(`mirrorlet: ${nothing}\n`);
    return undefined;
  }
  for (const { name, tree } of plan.images)
    if (tree.image.newDigest !== undefined)
      io.stderr(
        `mirrorlet: ${name} gets a new digest, ${tree.image.top.digest}: ${plainText(tree.image.newDigest)}\n`,
      );
  return plan.images;
}
