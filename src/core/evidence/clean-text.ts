import { plainText } from "../plain-text.ts";
import { redactSecrets } from "../redact-secrets.ts";
import { EVIDENCE_LIMITS } from "./evidence-limits.ts";

/**
 * Words of others (containerd, registries, image names) for pages and terminals: no secrets, no queries of URLs,
 * which carry signatures, no control characters, and not long.
 */
export function cleanText(text: string, length: number = EVIDENCE_LIMITS.textLength): string {
  const cut = text.length > 4 * length ? text.slice(0, 4 * length) : text;
  const withoutQueries = cut.replace(/(https?:\/\/[^\s"'?]+)\?[^\s"']*?(?=:?(?:[\s"']|$))/gi, "$1");
  const plain = plainText(redactSecrets(withoutQueries)).trim();
  return plain.length > length ? `${plain.slice(0, length - 1)}…` : plain;
}

/** `sha256:0123456789ab` for a digest, a tag as it is. */
export function shortObject(object: string): string {
  const digest = /^([a-z0-9]+):([0-9a-f]{12})[0-9a-f]*$/.exec(object);
  return digest === null ? cleanText(object, 128) : `${digest[1]}:${digest[2]}`;
}
