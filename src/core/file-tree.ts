/** A file as it should be on the node. */
export interface RenderedFile {
  /** Absolute path on the node. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Permission bits; 0o600 whenever the bytes hold a secret. */
  readonly mode: number;
  /** True when the bytes hold a credential or a private key: diffs, logs and reports show `***` instead. */
  readonly secret: boolean;
}

/** First line of every file that mirrorlet owns in certs.d. A file without it is never overwritten or deleted. */
export const OWNERSHIP_MARKER = "# Owned by mirrorlet; edit the desired state instead.";

/** True when the file carries the ownership marker as its first line. */
export function isOwned(bytes: Uint8Array): boolean {
  if (bytes.length < OWNERSHIP_MARKER.length) return false;
  const firstLine = new TextDecoder().decode(bytes.subarray(0, OWNERSHIP_MARKER.length + 1));
  return firstLine.trimEnd() === OWNERSHIP_MARKER;
}
