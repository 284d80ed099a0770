import { isDigest } from "../containerd/image-reference.ts";
import type { Descriptor } from "./bundle.ts";
import { field, readJson, textField, texts } from "./read-json.ts";

/** What an index or a manifest refers to, in its order. */
export interface Manifest {
  readonly kind: "index" | "image";
  /** Its own, as a registry wants it for the Content-Type; else the descriptor's. */
  readonly mediaType: string;
  /** Of an index: its manifests. */
  readonly children: readonly Descriptor[];
  /** Of an image: the config first, then layers. */
  readonly blobs: readonly Descriptor[];
  /** What it is about, where it is a signature or an attestation. */
  readonly subject?: Descriptor;
}

/** `why` completes "the manifest …". */
export type ManifestResult =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly why: string };

const OCI = "application/vnd.oci.image";
const MAX_DESCRIPTORS = 20_000;

/**
 * Reads https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md, and Docker's of the same
 * shape. `mediaType` is what whoever refers to it calls it; "" where nobody does.
 */
export function readManifest(bytes: Uint8Array, mediaType: string): ManifestResult {
  const document = readJson(bytes);
  const refuse = (why: string): ManifestResult => ({ ok: false, why });
  if (typeof document !== "object" || document === null || Array.isArray(document))
    return refuse("is no JSON object");
  if (field(document, "schemaVersion") === 1)
    return refuse("is of Docker's schema 1, which registries and containerd no longer take");
  const manifests = field(document, "manifests");
  const layers = field(document, "layers") ?? field(document, "blobs");
  // Taken for the one here and for the other there: CVE-2021-41190.
  if (manifests !== undefined && (layers !== undefined || field(document, "config") !== undefined))
    return refuse("is an index and an image at the same time");
  const isIndex = manifests !== undefined;
  const list = manifests ?? layers ?? [];
  if (!Array.isArray(list) || list.length > MAX_DESCRIPTORS)
    return refuse(`has no list of ${isIndex ? "manifests" : "layers"}`);
  const config = isIndex ? undefined : field(document, "config");
  if (!isIndex && config === undefined && layers === undefined)
    return refuse("has neither layers nor manifests");
  const read = [...(config === undefined ? [] : [config]), ...list].map(readDescriptor);
  const bad = read.find((one) => typeof one === "string");
  if (bad !== undefined) return refuse(`has a descriptor that ${bad}`);
  const found = read.filter((one) => typeof one !== "string");
  const subject = readDescriptor(field(document, "subject"));
  const usual = `${OCI}.${isIndex ? "index" : "manifest"}.v1+json`;
  return {
    ok: true,
    manifest: {
      kind: isIndex ? "index" : "image",
      mediaType: textField(document, "mediaType") ?? (mediaType || usual),
      children: isIndex ? found : [],
      blobs: isIndex ? [] : found,
      ...(typeof subject === "string" ? {} : { subject }),
    },
  };
}

/** A string says what is wrong with it: completes "a descriptor that …". */
export function readDescriptor(value: unknown): Descriptor | string {
  const digest = textField(value, "digest");
  const size = field(value, "size");
  if (digest === undefined || !isDigest(digest)) return "has no digest of a known kind";
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return `has no size (${digest})`;
  const urls = field(value, "urls");
  const platform = field(value, "platform");
  const artifactType = textField(value, "artifactType");
  const annotations = texts(field(value, "annotations"));
  return {
    mediaType: textField(value, "mediaType") ?? "",
    digest,
    size,
    ...(Array.isArray(urls) ? { urls: urls.filter((url) => typeof url === "string") } : {}),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(typeof platform === "object" && platform !== null ? { platform: { ...platform } } : {}),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}
