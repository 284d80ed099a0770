import { bundleSize, countBlobs, describeImage } from "../core/bundle/describe-image.ts";
import type { FoundBundle } from "./bundle-commands.ts";

/** A bundle as `--json` shows it. */
export function bundleJson(source: string, { bundle, container, problems }: FoundBundle): object {
  return {
    source,
    container,
    shapes: bundle.shapes,
    images: bundle.images.map((image) => ({
      name: image.name,
      digest: image.top.digest,
      mediaType: image.top.mediaType,
      newDigest: image.newDigest,
      ...describeImage(image, bundle),
    })),
    blobs: countBlobs(bundle),
    size: bundleSize(bundle),
    leftOut: bundle.leftOut,
    problems,
  };
}
