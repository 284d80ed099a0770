import { redactSecrets } from "../redact-secrets.ts";

const MAX_LENGTH = 500;

/** containerd's words as they may be shown: without queries of URLs, without secrets, of bounded length. */
export function plainWords(text: string): string {
  const plain = redactSecrets(text.slice(0, 4 * MAX_LENGTH).replace(/(https?:\/\/[^\s"?]*)\?[^\s"]*/g, "$1"));
  return plain.length <= MAX_LENGTH ? plain : `${plain.slice(0, MAX_LENGTH - 1)}…`;
}
