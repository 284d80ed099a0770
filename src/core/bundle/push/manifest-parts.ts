import { isDigest } from "../../containerd/image-reference.ts";
import type { Descriptor } from "../bundle.ts";

/** What a manifest or an index consists of, as far as a push has to know. */
export interface ManifestParts {
  /** What the registry is told it is: its own `mediaType` where it has one. */
  readonly mediaType: string;
  /** Of an index: manifests, in its order. */
  readonly manifests: readonly Descriptor[];
  /** Of a manifest: config, then layers, the lowest first. */
  readonly blobs: readonly Descriptor[];
  /** The manifest that this one says something about: a signature, an SBOM. */
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type ManifestResult =
  | { readonly ok: true; readonly parts: ManifestParts }
  | { readonly ok: false; readonly reason: string };

const OCI = "application/vnd.oci.image";
/** More than any image has; the registry's own limit is 4 MiB of manifest. */
const MAX_PARTS = 10_000;

/**
 * Reads OCI and Docker (schema 2) manifests and indexes. `declared` is the media type that its descriptor gives.
 * https://github.com/opencontainers/image-spec/blob/main/manifest.md, …/image-index.md
 */
export function readManifestParts(bytes: Uint8Array, declared: string): ManifestResult {
  const document = parse(bytes);
  if (document === undefined) return { ok: false, reason: "it is no JSON object" };
  if (document["schemaVersion"] !== 2)
    return {
      ok: false,
      reason: "it is no manifest of schema 2; schema 1 is not taken by registries any more",
    };
  const isIndex = document["manifests"] !== undefined;
  // Taken for the one by the registry and for the other by who pulls: CVE-2021-41190.
  if (isIndex && (document["layers"] !== undefined || document["config"] !== undefined))
    return { ok: false, reason: "it is an index and an image at the same time" };
  const manifests = isIndex ? readDescriptors(document["manifests"]) : [];
  const blobs = isIndex ? [] : readDescriptors([document["config"], ...asArray(document["layers"])]);
  // Artifact manifests of a release candidate of OCI 1.1 call them so.
  const others = readDescriptors(isIndex ? [] : asArray(document["blobs"]));
  const subject = document["subject"] === undefined ? undefined : readDescriptor(document["subject"]);
  if (manifests === undefined || blobs === undefined || others === undefined || subject === null)
    return { ok: false, reason: "one of its descriptors has no usable digest, size or media type" };
  if (manifests.length + blobs.length > MAX_PARTS)
    return { ok: false, reason: `it has more than ${MAX_PARTS} parts` };
  const own = document["mediaType"];
  const usual = `${OCI}.${isIndex ? "index" : "manifest"}.v1+json`;
  const mediaType = typeof own === "string" && own !== "" ? own : declared === "" ? usual : declared;
  if (!/^[\w.+-]{1,127}\/[\w.+-]{1,127}$/.test(mediaType))
    return { ok: false, reason: "its media type is none" };
  return {
    ok: true,
    parts: {
      mediaType,
      manifests,
      blobs: [...blobs, ...others],
      ...(subject === undefined ? {} : { subject }),
      ...artifactTypeOf(document, blobs[0]),
      ...annotationsOf(document),
    },
  };
}

/** Layers that stay with whoever owns them: Windows' base, and what is marked so. */
export function isForeign({ mediaType, urls = [] }: Descriptor): boolean {
  return urls.length > 0 || /nondistributable|\.foreign\./.test(mediaType);
}

type Json = Readonly<Record<string, unknown>>;

function parse(bytes: Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readDescriptors(values: unknown): readonly Descriptor[] | undefined {
  const present = asArray(values).filter((value) => value !== undefined);
  const read = present.map(readDescriptor);
  return read.every((one) => one !== null) ? read : undefined;
}

/** Null: it is none. */
export function readDescriptor(value: unknown): Descriptor | null {
  if (!isRecord(value)) return null;
  const { digest, size, mediaType = "", urls, annotations, platform, artifactType } = value;
  if (typeof digest !== "string" || !isDigest(digest)) return null;
  if (!Number.isSafeInteger(size) || (size as number) < 0 || typeof mediaType !== "string") return null;
  return {
    mediaType,
    digest,
    size: size as number,
    ...(Array.isArray(urls) ? { urls: urls.filter((url): url is string => typeof url === "string") } : {}),
    ...(isRecord(annotations) ? { annotations: stringsOf(annotations) } : {}),
    ...(isRecord(platform) ? { platform } : {}),
    ...(typeof artifactType === "string" ? { artifactType } : {}),
  };
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers: the config's type stands in. */
function artifactTypeOf({ artifactType }: Json, config: Descriptor | undefined): { artifactType?: string } {
  if (typeof artifactType === "string" && artifactType !== "") return { artifactType };
  return config === undefined ? {} : { artifactType: config.mediaType };
}

function annotationsOf({ annotations }: Json): { annotations?: Readonly<Record<string, string>> } {
  return isRecord(annotations) ? { annotations: stringsOf(annotations) } : {};
}

function stringsOf(record: Json): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
