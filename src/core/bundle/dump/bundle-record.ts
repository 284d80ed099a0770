import { isDigest } from "../../containerd/image-reference.ts";
import type { Digest } from "../bundle.ts";
import { field, textField } from "../read-json.ts";

/** The file beside index.json that says what a bundle leaves out on purpose; only bundles that do so have one. */
export const RECORD_NAME = "mirrorlet.json";
const SCHEMA = "mirrorlet.bundle/v1";

/** What a bundle lacks because whoever made it wanted it so. */
export interface LeftOut {
  /** For which platforms it was made, `linux/amd64`; none: all. */
  readonly platforms: readonly string[];
  /** The older bundle that has the blobs; undefined: it is no increment. */
  readonly since: string | undefined;
  readonly manifests: readonly Digest[];
  readonly blobs: readonly LeftOutBlob[];
}

export interface LeftOutBlob {
  readonly digest: Digest;
  readonly size: number;
  /** One of the older bundle that has it: a registry may mount it from there. */
  readonly image?: string;
}

/** None where nothing is left out. */
export function renderRecord(
  leftOut: LeftOut,
): readonly { readonly path: string; readonly bytes: Uint8Array }[] {
  if (leftOut.since === undefined && leftOut.manifests.length === 0) return [];
  const bytes = new TextEncoder().encode(JSON.stringify({ schema: SCHEMA, leftOut }));
  return [{ path: RECORD_NAME, bytes }];
}

/** Undefined: it is of something else. What is not in order in it is left away: then that is missing. */
export function readRecord(document: unknown): LeftOut | undefined {
  if (field(document, "schema") !== SCHEMA) return undefined;
  const leftOut = field(document, "leftOut");
  return {
    platforms: list(leftOut, "platforms").filter((one) => typeof one === "string"),
    since: textField(leftOut, "since"),
    manifests: list(leftOut, "manifests").filter(
      (one) => typeof one === "string" && isDigest(one),
    ) as Digest[],
    blobs: list(leftOut, "blobs").flatMap(readBlob),
  };
}

function readBlob(value: unknown): readonly LeftOutBlob[] {
  const digest = textField(value, "digest");
  const size = field(value, "size");
  const image = textField(value, "image");
  if (digest === undefined || !isDigest(digest)) return [];
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return [];
  return [{ digest, size, ...(image === undefined ? {} : { image }) }];
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
}
