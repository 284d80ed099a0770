/**
 * Bytes of a file as text, as others read it too: a byte order mark stays, for containerd does not skip it either and a
 * position in the text has to be one in the file. What is not UTF-8 becomes U+FFFD.
 */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
