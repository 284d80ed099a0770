import { createTwoFilesPatch } from "diff/lib/patch/create.js";
import { maskSecrets } from "./mask-secrets.ts";

/**
 * A unified diff of one file with secrets shown as `***`; undefined bytes: no such file. Both sides are masked
 * before they are compared, so a change of the secret alone is named in words.
 */
export function renderDiff(
  path: string,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
): string {
  const old = maskSecrets(decode(before));
  const next = maskSecrets(decode(after));
  const from = before === undefined ? "/dev/null" : path;
  const to = after === undefined ? "/dev/null" : path;
  if (old === next && before !== undefined && after !== undefined)
    return `--- ${from}\n+++ ${to}\n(only a secret or the file mode changes)\n`;
  return createTwoFilesPatch(from, to, old, next, undefined, undefined, {
    context: 3,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  });
}

function decode(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}
