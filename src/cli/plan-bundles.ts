import { type PlannedImage, planPush } from "../core/bundle/push/plan-push.ts";
import { plainText } from "../core/plain-text.ts";
import type { Push } from "./push.ts";
import type { ReadBundles } from "./push-registry.ts";

/** What of bundles is pushed. */
export interface PlannedBundles {
  readonly images: readonly PlannedImage[];
  /** What is not, as it was told. */
  readonly leftOut: readonly string[];
}

/** A folder may hold hundreds of files of other programs. */
const MOST_NOTES = 5;

/**
 * Finds a place for each image and says which digests change, and what is left out. Undefined: it was told why nothing
 * can be pushed.
 */
export function planBundles(
  bundles: ReadBundles,
  { wish, options, io }: Push,
  nothing: string,
): PlannedBundles | undefined {
  const { images, leftOut, problems } = planPush(bundles.trees, {
    namespace: wish.target.namespace,
    name: options.name,
    allowNewDigest: options.allowNewDigest === true,
  });
  const tell = (text: string) => io.stderr(`mirrorlet: ${plainText(text)}\n`);
  for (const note of bundles.notes.slice(0, MOST_NOTES)) tell(note);
  if (bundles.notes.length > MOST_NOTES) tell(`and ${bundles.notes.length - MOST_NOTES} more of that kind`);
  const inTheWay = [...new Set([...bundles.problems, ...problems])];
  if (images.length === 0 && inTheWay.length + leftOut.length === 0) {
    tell(`${wish.sources.join(", ")}: no image in there`);
    return undefined;
  }
  for (const problem of new Set([...inTheWay, ...leftOut])) tell(problem);
  if (images.length === 0 || inTheWay.length > 0) {
    tell(nothing);
    return undefined;
  }
  for (const { name, tree } of images)
    if (tree.image.newDigest !== undefined)
      tell(`${name} gets a new digest, ${tree.image.top.digest}: ${tree.image.newDigest}`);
  return { images, leftOut };
}
