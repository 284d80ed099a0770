/**
 * The bytes of a base64 text, or undefined. Standard and URL-safe alphabet, as DSSE asks for, but not mixed; padded to
 * whole groups, without blanks, and no bit set that means nothing: one text stands for one sequence of bytes.
 */
export function decodeBytes(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const isUrlSafe = /[-_]/.test(text);
  const alphabet = isUrlSafe ? /^[A-Za-z0-9_-]*={0,2}$/ : /^[A-Za-z0-9+/]*={0,2}$/;
  if (!alphabet.test(text)) return undefined;
  const standard = isUrlSafe ? text.replaceAll("-", "+").replaceAll("_", "/") : text;
  try {
    const binary = atob(standard);
    return btoa(binary) === standard ? toBytes(binary) : undefined;
  } catch {
    return undefined;
  }
}

export function encodeBytes(bytes: Uint8Array): string {
  // In parts: a call takes only so many arguments.
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += PART) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + PART)));
  }
  return btoa(parts.join(""));
}

const PART = 8192;

function toBytes(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
