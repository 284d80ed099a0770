import type { ImageObject } from "./pull.ts";

/** Part of an image that is in the content store. */
export interface StoredObject extends ImageObject {
  /** When it was complete there, wall clock, ms since the epoch. */
  readonly createdMs: number;
  readonly bytes: number;
}

/** What the content store holds of an image. */
export interface ImageContent {
  /** Digest that the reference names: of the index, or of the one manifest. */
  readonly target: string;
  readonly objects: readonly StoredObject[];
  /**
   * All that a pull for this platform takes is there. Not so where layers are discarded once they are unpacked, or are
   * never fetched as blobs, as by lazy snapshotters.
   */
  readonly complete: boolean;
}

/** The digests that an index or a manifest names. */
export type ManifestParts =
  | { readonly kind: "index"; readonly manifests: readonly string[] }
  | { readonly kind: "manifest"; readonly config: string; readonly layers: readonly string[] };

const MAX_MANIFESTS = 64;
const MAX_LAYERS = 512;

/**
 * Reads an OCI or Docker (schema 2) index or manifest; undefined for anything else, or for one with more parts than
 * an image has. https://github.com/opencontainers/image-spec/blob/main/manifest.md
 */
export function readManifest(bytes: Uint8Array): ManifestParts | undefined {
  const value = parseJson(bytes);
  const manifests = digestsOf(value?.["manifests"], MAX_MANIFESTS);
  if (manifests !== undefined) return { kind: "index", manifests };
  const layers = digestsOf(value?.["layers"], MAX_LAYERS);
  const [config] = digestsOf([value?.["config"]], 1) ?? [];
  return layers === undefined || config === undefined ? undefined : { kind: "manifest", config, layers };
}

type Json = Readonly<Record<string, unknown>>;

function parseJson(bytes: Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

function digestsOf(descriptors: unknown, max: number): readonly string[] | undefined {
  if (!Array.isArray(descriptors) || descriptors.length > max) return undefined;
  const digests = descriptors.map((each: unknown) => (isObject(each) ? each["digest"] : undefined));
  return digests.every((digest) => typeof digest === "string") ? digests : undefined;
}
