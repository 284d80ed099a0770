import { isDigest } from "../../containerd/image-reference.ts";
import type { Digest } from "../bundle.ts";
import { isBundlePath } from "../collect-scan.ts";
import { parseHeader } from "../tar/parse-header.ts";

/** What the path of a file that goes by in a stream says of it. */
export interface PassingBlob {
  /** Undefined: its content alone tells. */
  readonly digest: Digest | undefined;
}

/**
 * Whether a file may be a layer or a config, before anybody has seen the list of images, which is often the last entry.
 * `head` are its first bytes. Undefined: it is none, or an archive of images that is looked into.
 */
export function promisedBlob(path: string, head: Uint8Array): PassingBlob | undefined {
  const [, algorithm, hex] = /(?:^|\/)blobs\/(\w+)\/([0-9a-f]+)$/.exec(path) ?? [];
  if (hex !== undefined) {
    const digest = `${algorithm}:${hex}`;
    return isDigest(digest) ? { digest } : undefined;
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  // skopeo's dir · crane's archives: a config and a layer.
  const digits = /^(?:sha256:)?([0-9a-f]{64})(?:\.tar\.gz)?$/.exec(name)?.[1];
  if (digits !== undefined) return { digest: `sha256:${digits}` };
  // docker save of old and skopeo's docker-archive; dumpimage.sh calls archives of images so.
  const isLayer = name === "layer.tar" || /^[0-9a-f]{64}\.tar$/.test(name);
  return isLayer && !beginsAsBundle(head) ? { digest: undefined } : undefined;
}

function beginsAsBundle(head: Uint8Array): boolean {
  const first = parseHeader(head);
  if (first.is !== "header") return false;
  return isBundlePath(first.header.name) || first.header.name.startsWith("blobs/");
}
