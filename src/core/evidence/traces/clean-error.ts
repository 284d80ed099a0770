import { redactSecrets } from "../../redact-secrets.ts";

const MAX_LENGTH = 200;
const MAX_READ = 2048;
/** Masking takes the square of the length. */
const MAX_MASKED = 400;

/**
 * containerd's words without what must not be shown: queries, user info, and for token services (`isToken`) their
 * address. Without the layers of wrapping, too, that repeat what is known (the call's code, the image) or
 * differ each time (our own port).
 */
export function cleanError(text: string, isToken = false): string {
  const bare = text
    .slice(0, MAX_READ)
    .replace(/^(?:rpc error: code = \w+ desc = )+/, "")
    .replace(/^failed to pull and unpack image "[^"]*": /, "")
    .replace(/^failed to resolve (?:image|reference "[^"]*"): /, "")
    .replace(/\b(?:read|write) tcp \S+->\S+: /g, "")
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .replace(/\?[^\s"'<>]*/g, "")
    .slice(0, MAX_MASKED);
  const plain = redactSecrets(bare).trim();
  const last = isToken ? plain.slice(plain.lastIndexOf(": ") + 1).trim() : plain;
  return last.length > MAX_LENGTH ? `${last.slice(0, MAX_LENGTH - 1)}…` : last;
}
