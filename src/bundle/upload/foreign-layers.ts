import { isForeign, type ManifestParts } from "../../core/bundle/push/manifest-parts.ts";
import { AnswerError } from "../registry/answer-error.ts";

/** A manifest with layers that stay with whoever owns them, and a registry that will have none of these. */
export class ForeignLayersError extends Error {
  override readonly name = "ForeignLayersError";
  constructor(answer: AnswerError, hasUrls: boolean) {
    const setting = hasUrls
      ? 'let the registry take them (docker-registry: validation.manifests.urls.allow: ["^https?://"]), or '
      : "";
    super(
      `the registry refuses a manifest with foreign layers, as Windows' base images have them, whether it has their content or not (it answers ${answer.status}, ${[...new Set(answer.codes)].join(" and ")}): ${setting}dump the image with --platform for what the nodes need, and push that with --allow-new-digest where the registry takes no list without all that it names`,
    );
  }
}

/**
 * What to say of a manifest that was refused for its foreign layers; undefined: that was not why. docker-registry answers
 * 500 for ever, and says that it does not know the blob, even if it has it:
 * https://github.com/distribution/distribution/blob/v2.8.3/registry/storage/schema2manifesthandler.go
 */
export function asForeignLayers(error: unknown, { blobs }: ManifestParts): ForeignLayersError | undefined {
  if (!(error instanceof AnswerError)) return undefined;
  const foreign = blobs.filter((blob) => isForeign(blob) && error.unknownBlobs.includes(blob.digest));
  if (foreign.length === 0) return undefined;
  return new ForeignLayersError(
    error,
    foreign.every(({ urls = [] }) => urls.length > 0),
  );
}
