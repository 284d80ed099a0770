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

const MARKER_BYTES = new TextEncoder().encode(OWNERSHIP_MARKER);

/** True when the file carries the ownership marker as its first line. Asked of every file in every pass. */
export function isOwned(bytes: Uint8Array): boolean {
  for (let index = 0; index < MARKER_BYTES.length; index++)
    if (bytes[index] !== MARKER_BYTES[index]) return false;
  const next = bytes[MARKER_BYTES.length];
  return next === undefined || next === 0x20 || (next >= 0x09 && next <= 0x0d);
}
